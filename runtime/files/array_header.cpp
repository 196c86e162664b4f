// Reads idx headers, and holds what both formats share (sizes, places, shapes). npy headers are
// read by npy_header.cpp.
#include "runtime/files/array_header.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace gmc::runtime {
namespace {

/// An image has 3 dimensions and the examples one more; more than twice that is no array of
/// examples.
constexpr int kIdxRankMost = 8;

/// Reads an idx header: magic bytes, then the dimensions. Each error says at which offset what was
/// found.
class IdxReader {
  public:
    IdxReader(const ReadBytes& read, ArrayHeader& header, Diagnostics& diagnostics)
        : read_(read), header_(header), diagnostics_(diagnostics) {}

    bool run() {
        uint8_t magic[4] = {};
        const Result<size_t> got = read_(magic, sizeof magic, diagnostics_);
        if (!got) return false;
        if (*got < sizeof magic)
            return bad("ends at byte {}, before the 4 bytes that an idx file starts with", *got);
        return check_magic(magic) && read_dimensions(magic[3]);
    }

  private:
    template <typename... Args>
    bool bad(fmt::format_string<Args...> text, Args&&... args) {
        diagnostics_.error(DiagnosticKind::kBadFile, {}, "`{}` {}", header_.path,
                           fmt::format(text, std::forward<Args>(args)...));
        return false;
    }
    bool check_magic(const uint8_t (&magic)[4]);
    bool read_dimensions(size_t rank);

    const ReadBytes& read_;
    ArrayHeader& header_;
    Diagnostics& diagnostics_;
};

bool IdxReader::check_magic(const uint8_t (&magic)[4]) {
    if (magic[0] != 0 || magic[1] != 0)
        return bad(
            "starts with the bytes {:02x} {:02x} {:02x} {:02x} at offset 0, but an idx file starts "
            "with 00 00, a type and a rank",
            magic[0], magic[1], magic[2], magic[3]);
    header_.type = find_idx_type(magic[2]);
    if (header_.type == nullptr)
        return bad(
            "has type 0x{:02x} at offset 2, but idx knows 08 (u8), 09 (i8), 0b (i16), 0c (i32), "
            "0d (f32) and 0e (f64)",
            magic[2]);
    if (magic[3] >= 1 && magic[3] <= kIdxRankMost) return true;
    return bad("has rank {} at offset 3, but 1 to {} dimensions can be read", magic[3],
               kIdxRankMost);
}

bool IdxReader::read_dimensions(size_t rank) {
    uint8_t bytes[4 * kIdxRankMost] = {};
    const Result<size_t> got = read_(bytes, 4 * rank, diagnostics_);
    if (!got) return false;
    header_.header_bytes = 4 + 4 * rank;
    if (*got < 4 * rank)
        return bad("ends at byte {} within its header, which has {} bytes for rank {}", 4 + *got,
                   header_.header_bytes, rank);
    for (size_t i = 0; i < rank; ++i) {
        const uint8_t* b = bytes + 4 * i;
        header_.dimensions.push_back(uint64_t{b[0]} << 24 | uint64_t{b[1]} << 16 |
                                     uint64_t{b[2]} << 8 | uint64_t{b[3]});
        if (header_.dimensions.back() == 0)
            return bad("has a dimension of 0 at offset {}, so there is nothing to read", 4 + 4 * i);
    }
    return true;
}

}  // namespace

uint64_t ArrayHeader::values() const {
    uint64_t product = 1;
    for (const uint64_t size : dimensions)
        if (__builtin_mul_overflow(product, size, &product) || product >= kValuesMost)
            product = kValuesMost;
    return product;
}

std::string ArrayHeader::describe() const {
    return fmt::format("{} {}", fmt::join(dimensions, " x "), type->name);
}

std::string describe_examples(const std::vector<int64_t>& shape) {
    return shape.empty() ? "one number per example"
                         : fmt::format("examples of shape [{}]", fmt::join(shape, ", "));
}

uint64_t ArrayHeader::stored_place(uint64_t at) const {
    if (!channels_first) return at;
    const uint64_t channels = dimensions[1], pixels = dimensions[2] * dimensions[3];
    return at % channels * pixels + at / channels;
}

uint64_t ArrayHeader::value_index(uint64_t example, uint64_t at) const {
    at = stored_place(at);
    if (!column_major) return example * example_values() + at;
    // Row-major, the last dimension of `at` runs fastest; in the file it is the slowest.
    uint64_t index = 0;
    for (size_t d = dimensions.size(); --d > 0; at /= dimensions[d]) {
        uint64_t stride = 1;
        for (size_t faster = 0; faster < d; ++faster) stride *= dimensions[faster];
        index += at % dimensions[d] * stride;
    }
    return example + index;
}

std::string ArrayHeader::place_of(uint64_t index) const {
    const uint64_t example = index / example_values(), at = index % example_values();
    std::vector<uint64_t> position;
    uint64_t rest = stored_place(at);
    for (size_t d = dimensions.size(); --d > 0; rest /= dimensions[d])
        position.insert(position.begin(), rest % dimensions[d]);
    return fmt::format("in example {}{} (offset {})", example,
                       position.empty() ? "" : fmt::format(" at [{}]", fmt::join(position, ", ")),
                       header_bytes + value_index(example, at) * type->bytes);
}

std::vector<int64_t> ArrayHeader::example_shape() const {
    std::vector<int64_t> shape(dimensions.begin() + 1, dimensions.end());
    if (shape.size() == 2 && (is_idx || type->is_scaled())) shape.push_back(1);
    if (channels_first) std::rotate(shape.begin(), shape.begin() + 1, shape.end());
    return shape;
}

bool ArrayHeader::looks_channels_first() const {
    const auto is_channels = [](uint64_t size) { return size == 1 || size == 3 || size == 4; };
    return !channels_first && dimensions.size() == 4 && is_channels(dimensions[1]) &&
           dimensions[2] > 4 && dimensions[3] > 4;
}

bool ArrayHeader::can_be(const std::vector<int64_t>& shape) const {
    std::vector<int64_t> stored = example_shape(), wanted = shape;
    std::erase(stored, 1);
    std::erase(wanted, 1);
    return stored == wanted;
}

bool read_idx_header(const ReadBytes& read, ArrayHeader& header, Diagnostics& diagnostics) {
    header.is_idx = true;
    return IdxReader(read, header, diagnostics).run();
}

}  // namespace gmc::runtime
