// The idx reader: header, sizes, then the values in pieces.
#include "runtime/data/idx.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <new>

#include "runtime/data/array_field.h"
#include "runtime/data/byte_source.h"
#include "runtime/data/idx_type.h"

namespace gmc::runtime {
namespace {

constexpr size_t kPieceBytes = size_t{1} << 20;
constexpr int kRankMost = 4;
/// Labels above this are taken for values, not for classes.
constexpr float kClassesMost = 1e6F;

struct Header {
    const IdxType* type = nullptr;
    std::vector<uint64_t> dimensions;
    uint64_t bytes = 0;   ///< of the header itself
    uint64_t values = 0;  ///< product of the dimensions
    uint64_t content_bytes() const { return bytes + values * type->bytes; }
    std::string describe() const {
        return fmt::format("{} {}", fmt::join(dimensions, " x "), type->name);
    }
};

/// One file being read; its functions return false or Failure after reporting to `diagnostics`.
struct Reader {
    ByteSource& source;
    const IdxOptions& options;
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

    bool read_header(Header& header);
    bool check_magic(const uint8_t (&magic)[4], Header& header);
    bool check_size(const Header& header);
    template <typename Sink>
    bool read_values(const Header& header, Sink&& sink);
    bool check_end(const Header& header);
    bool check_floats(const Header& header, const std::vector<float>& values);
};

void report_cut_short(Reader& reader, const Header& header, uint64_t end) {
    reader.bad_file(
        "ends at byte {} of its contents, but its header promises {} ({} after {} bytes)", end,
        header.content_bytes(), header.describe(), header.bytes);
}

void report_too_long(Reader& reader, const Header& header) {
    reader.bad_file("goes on after byte {} where its header says it ends ({} after {} bytes)",
                    header.content_bytes(), header.describe(), header.bytes);
}

bool Reader::check_magic(const uint8_t (&magic)[4], Header& header) {
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
    const IdxType* type = find_idx_type(magic[2]);
    if (type == nullptr) {
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
    header.type = type;
    return true;
}

bool Reader::read_header(Header& header) {
    uint8_t magic[4] = {};
    Result<size_t> got = source.read(magic, sizeof magic, diagnostics);
    if (!got) return false;
    if (*got < sizeof magic) {
        bad_file("ends at byte {}, before the 4 bytes that an idx file starts with", *got);
        return false;
    }
    if (!check_magic(magic, header)) return false;
    const size_t rank = magic[3];
    uint8_t bytes[4 * kRankMost] = {};
    got = source.read(bytes, 4 * rank, diagnostics);
    if (!got) return false;
    header.bytes = 4 + 4 * rank;
    if (*got < 4 * rank) {
        bad_file("ends at byte {} within its header, which has {} bytes for rank {}",
                 source.offset(), header.bytes, rank);
        return false;
    }
    header.values = 1;
    for (size_t i = 0; i < rank; ++i) {
        const uint8_t* b = bytes + 4 * i;
        const uint64_t size =
            uint64_t{b[0]} << 24 | uint64_t{b[1]} << 16 | uint64_t{b[2]} << 8 | uint64_t{b[3]};
        header.dimensions.push_back(size);
        if (size == 0) {
            bad_file("has a dimension of 0 at offset {}, so there is nothing to read", 4 + 4 * i);
            return false;
        }
        // 2^60 values cannot be in any file; the products below it cannot overflow with 8 bytes
        // each.
        if (__builtin_mul_overflow(header.values, size, &header.values) ||
            header.values >= uint64_t{1} << 60)
            header.values = uint64_t{1} << 60;
    }
    return check_size(header);
}

/// Refuses what cannot be true before anything is allocated.
bool Reader::check_size(const Header& header) {
    const uint64_t most = source.content_bytes_most();
    if (header.content_bytes() > most) {
        if (source.compressed())
            bad_file("has {} bytes of gzip, which cannot hold the {} that its header promises ({})",
                     source.file_bytes(), header.content_bytes(), header.describe());
        else
            report_cut_short(*this, header, most);
        return false;
    }
    if (!source.compressed() && header.content_bytes() < most) {
        report_too_long(*this, header);
        return false;
    }
    const uint64_t needed = header.values * (header.type->code == kIdxBytes ? 1 : sizeof(float));
    return check_fits_memory(fmt::format("`{}` ({})", source.path(), header.describe()), needed,
                             diagnostics);
}

/// Hands the values' bytes to sink(bytes, count of values) piece by piece.
template <typename Sink>
bool Reader::read_values(const Header& header, Sink&& sink) {
    const size_t piece_values = kPieceBytes / header.type->bytes;
    std::vector<uint8_t> piece(kPieceBytes);
    for (uint64_t done = 0; done < header.values;) {
        const size_t count = std::min<uint64_t>(piece_values, header.values - done);
        Result<size_t> got = source.read(piece.data(), count * header.type->bytes, diagnostics);
        if (!got) return false;
        if (*got < count * header.type->bytes) {
            report_cut_short(*this, header, source.offset());
            return false;
        }
        sink(piece.data(), count);
        done += count;
    }
    return check_end(header);
}

/// One byte more must not be there. Asking for it also makes zlib verify the checksum at the end.
bool Reader::check_end(const Header& header) {
    uint8_t byte = 0;
    Result<size_t> got = source.read(&byte, 1, diagnostics);
    if (!got) return false;
    if (*got != 0) report_too_long(*this, header);
    return *got == 0;
}

bool Reader::check_floats(const Header& header, const std::vector<float>& values) {
    const ValueRange range = options.range.value_or(ValueRange{-HUGE_VALF, HUGE_VALF});
    for (size_t i = 0; i < values.size(); ++i) {
        const float v = values[i];
        if (std::isfinite(v) && v >= range.low && v <= range.high) continue;
        const uint64_t offset = header.bytes + i * header.type->bytes;
        if (std::isfinite(v))
            diagnostics
                .error(DiagnosticKind::kBadValue, {},
                       "`{}` has the value {} at offset {}, outside the declared range [{}, {}]",
                       source.path(), v, offset, range.low, range.high)
                .help(
                    "only u8 data are scaled into `range`; for other types it says what they span");
        else
            diagnostics.error(DiagnosticKind::kBadValue, {},
                              "`{}` has the value {} at offset {}, which is not a finite number",
                              source.path(), v, offset);
        return false;
    }
    return true;
}

/// Room for `more` values: at least doubling, but never beyond what the header promises in all.
template <typename T>
void grow(std::vector<T>& values, size_t more, uint64_t total) {
    const uint64_t wanted = values.size() + more;
    if (wanted > values.capacity())
        values.reserve(std::max<uint64_t>(wanted, std::min<uint64_t>(total, 2 * wanted)));
}

/// Shape of one example, channels last, from the dimensions after the first.
std::vector<int64_t> example_shape(const Header& header) {
    std::vector<int64_t> shape(header.dimensions.begin() + 1, header.dimensions.end());
    if (shape.size() == 2) shape.push_back(1);
    return shape;
}

template <typename T>
int64_t class_count_of(const std::vector<T>& labels) {
    const auto [low, high] = std::minmax_element(labels.begin(), labels.end());
    if (static_cast<float>(*low) < 0 || static_cast<float>(*high) > kClassesMost) return 0;
    return static_cast<int64_t>(*high) + 1;
}

Result<FieldPtr> read_field(Reader& reader, const Header& header) {
    const IdxOptions& options = reader.options;
    FieldInfo info{options.name, example_shape(header),
                   static_cast<int64_t>(header.dimensions.front()), 0};
    const bool labels = header.dimensions.size() == 1 && header.type->integer && !options.range;
    if (header.type->code == kIdxBytes) {
        std::vector<uint8_t> bytes;
        const auto append = [&](const uint8_t* src, size_t count) {
            grow(bytes, count, header.values);
            bytes.insert(bytes.end(), src, src + count);
        };
        if (!reader.read_values(header, append)) return Failure{};
        if (labels) info.class_count = class_count_of(bytes);
        return FieldPtr(
            std::make_shared<ByteField>(std::move(info), std::move(bytes), options.range));
    }
    std::vector<float> values;
    const auto append = [&](const uint8_t* src, size_t count) {
        grow(values, count, header.values);
        values.resize(values.size() + count);
        header.type->convert(src, count, values.data() + values.size() - count);
    };
    if (!reader.read_values(header, append)) return Failure{};
    if (!reader.check_floats(header, values)) return Failure{};
    if (labels) info.class_count = class_count_of(values);
    return FieldPtr(std::make_shared<FloatField>(std::move(info), std::move(values)));
}

}  // namespace

Result<FieldPtr> read_idx(const std::string& path, const IdxOptions& options,
                          Diagnostics& diagnostics) {
    if (options.range && !(options.range->low < options.range->high)) {
        diagnostics.error(DiagnosticKind::kBadValue, {},
                          "`data.{}` has the range [{}, {}], which is empty", options.name,
                          options.range->low, options.range->high);
        return Failure{};
    }
    Result<ByteSource> source = ByteSource::open(path, diagnostics);
    if (!source) return Failure{};
    Reader reader{*source, options, diagnostics};
    Header header;
    if (!reader.read_header(header)) return Failure{};
    try {
        return read_field(reader, header);
    } catch (const std::bad_alloc&) {
        diagnostics.error(DiagnosticKind::kTooLarge, {}, "`{}` does not fit into memory ({})", path,
                          header.describe());
        return Failure{};
    }
}

}  // namespace gmc::runtime
