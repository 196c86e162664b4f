// The idx reader: its header; the values are value_reader's.
#include "runtime/data/files/idx.h"

#include "runtime/data/files/byte_source.h"

namespace gmc::runtime {
namespace {

constexpr int kRankMost = 4;

/// The header of one file; its functions return false after reporting to `diagnostics`.
struct HeaderReader {
    ByteSource& source;
    ValueBlock& block;
    Diagnostics& diagnostics;

    template <typename... Args>
    Diagnostic& bad_file(fmt::format_string<Args...> text, Args&&... args) {
        return diagnostics.add(
            {DiagnosticKind::kBadFile,
             {},
             fmt::format("`{}` ", source.path()) + fmt::format(text, std::forward<Args>(args)...),
             {},
             {}});
    }

    bool read();
    bool check_magic(const uint8_t (&magic)[4]);
    bool read_dimensions(size_t rank);
};

bool HeaderReader::check_magic(const uint8_t (&magic)[4]) {
    if (magic[0] != 0 || magic[1] != 0) {
        Diagnostic& error = bad_file(
            "starts with the bytes {:02x} {:02x} {:02x} {:02x} at offset 0, but an idx file starts "
            "with 00 00, "
            "a type and a rank",
            magic[0], magic[1], magic[2], magic[3]);
        if (source.path().ends_with(".gz") && !source.compressed())
            error.help("its name ends in .gz but it is not gzip-compressed");
        return false;
    }
    block.type = find_idx_type(magic[2]);
    if (block.type == nullptr) {
        bad_file(
            "has type 0x{:02x} at offset 2, but idx knows 08 (u8), 09 (i8), 0b (i16), 0c (i32), "
            "0d (f32) and 0e (f64)",
            magic[2]);
        return false;
    }
    if (magic[3] < 1 || magic[3] > kRankMost) {
        bad_file("has rank {} at offset 3, but 1 to {} dimensions can be read", magic[3],
                 kRankMost);
        return false;
    }
    return true;
}

bool HeaderReader::read_dimensions(size_t rank) {
    uint8_t bytes[4 * kRankMost] = {};
    Result<size_t> got = source.read(bytes, 4 * rank, diagnostics);
    if (!got) return false;
    block.header_bytes = 4 + 4 * rank;
    if (*got < 4 * rank) {
        bad_file("ends at byte {} within its header, which has {} bytes for rank {}",
                 source.offset(), block.header_bytes, rank);
        return false;
    }
    for (size_t i = 0; i < rank; ++i) {
        const uint8_t* b = bytes + 4 * i;
        block.dimensions.push_back(uint64_t{b[0]} << 24 | uint64_t{b[1]} << 16 |
                                   uint64_t{b[2]} << 8 | uint64_t{b[3]});
        if (block.dimensions.back() != 0) continue;
        bad_file("has a dimension of 0 at offset {}, so there is nothing to read", 4 + 4 * i);
        return false;
    }
    return true;
}

bool HeaderReader::read() {
    uint8_t magic[4] = {};
    Result<size_t> got = source.read(magic, sizeof magic, diagnostics);
    if (!got) return false;
    if (*got < sizeof magic) {
        bad_file("ends at byte {}, before the 4 bytes that an idx file starts with", *got);
        return false;
    }
    return check_magic(magic) && read_dimensions(magic[3]) &&
           check_size(block, source.content_bytes_most(), source.compressed(), diagnostics);
}

}  // namespace

Result<FieldPtr> read_idx(const std::string& path, const ValueRules& rules,
                          Diagnostics& diagnostics) {
    if (!check_rules(rules, diagnostics)) return Failure{};
    Result<ByteSource> source = ByteSource::open(path, diagnostics);
    if (!source) return Failure{};
    ValueBlock block;
    block.path = path;
    if (!HeaderReader{*source, block, diagnostics}.read()) return Failure{};
    const auto read = [&](void* dst, size_t size, Diagnostics& d) {
        return source->read(dst, size, d);
    };
    return read_values(block, rules, read, diagnostics);
}

}  // namespace gmc::runtime
