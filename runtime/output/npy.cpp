// The .npy writer, and a reader that parses the header strictly: the header is Python text, but
// only the form that NumPy itself writes is accepted (keys in any order, either quote).
#include "runtime/output/npy.h"

#include <fmt/ranges.h>

#include <bit>
#include <cstring>

#include "compiler/support/check.h"
#include "runtime/files/atomic_file.h"

namespace gmc::runtime {
namespace {

static_assert(std::endian::native == std::endian::little,
              "values are written as they lie in memory");

constexpr std::string_view kMagic("\x93NUMPY", 6);
constexpr size_t kHeaderAlignment = 64;
constexpr size_t kRankMost = 16;
constexpr uint64_t kFileBytesMost = uint64_t{1} << 34;

/// Parses one file's bytes; every function returns false after reporting where and what.
class NpyParser {
  public:
    NpyParser(std::string_view bytes, const std::string& name, Diagnostics& diagnostics)
        : bytes_(bytes), name_(name), diagnostics_(diagnostics) {}

    Result<NpyArray> parse();

  private:
    template <typename... Args>
    bool bad(size_t offset, fmt::format_string<Args...> text, Args&&... args) {
        diagnostics_.error(DiagnosticKind::kBadFile, {}, "`{}`, offset {}: {}", name_, offset,
                           fmt::format(text, std::forward<Args>(args)...));
        return false;
    }
    bool parse_preamble();
    bool parse_dict();
    bool parse_entry(unsigned& seen);
    bool parse_string(std::string_view& text);
    bool parse_shape();
    bool parse_integer(int64_t& value);
    bool parse_values();

    void skip_spaces() {
        while (at_ < end_ && bytes_[at_] == ' ') ++at_;
    }
    bool take(char wanted) {
        skip_spaces();
        if (at_ >= end_ || bytes_[at_] != wanted) return false;
        ++at_;
        return true;
    }
    /// What stands at the cursor, for error texts.
    std::string here() const {
        if (at_ >= end_) return "the end of the header";
        const auto byte = static_cast<unsigned char>(bytes_[at_]);
        return byte >= 0x20 && byte < 0x7f ? fmt::format("`{}`", bytes_[at_])
                                           : fmt::format("the byte 0x{:02x}", byte);
    }

    std::string_view bytes_;
    const std::string& name_;
    Diagnostics& diagnostics_;
    size_t at_ = 0;   ///< cursor
    size_t end_ = 0;  ///< of the header; the values start here
    NpyArray array_;
};

bool NpyParser::parse_preamble() {
    if (bytes_.substr(0, kMagic.size()) != kMagic)
        return bad(0, "not a .npy file, which starts with 0x93 and `NUMPY`");
    if (bytes_.size() < 10) return bad(bytes_.size(), "the file ends within the first 10 bytes");
    const int major = static_cast<unsigned char>(bytes_[6]);
    const int minor = static_cast<unsigned char>(bytes_[7]);
    if ((major != 1 && major != 2) || minor != 0)
        return bad(6, "version {}.{}, but 1.0 and 2.0 can be read", major, minor);
    const size_t length_bytes = major == 1 ? 2 : 4;
    at_ = 8 + length_bytes;
    if (bytes_.size() < at_) return bad(bytes_.size(), "the file ends within the header's length");
    size_t length = 0;
    for (size_t i = length_bytes; i-- > 0;)
        length = length << 8 | static_cast<unsigned char>(bytes_[8 + i]);
    if (length > bytes_.size() - at_)
        return bad(8, "a header of {} bytes is promised, but only {} follow", length,
                   bytes_.size() - at_);
    end_ = at_ + length;
    return true;
}

bool NpyParser::parse_string(std::string_view& text) {
    skip_spaces();
    const char quote = at_ < end_ ? bytes_[at_] : '\0';
    if (quote != '\'' && quote != '"')
        return bad(at_, "expected a quoted string, found {}", here());
    const size_t close = bytes_.substr(0, end_).find(quote, at_ + 1);
    if (close == std::string_view::npos) return bad(at_, "a string without its closing quote");
    text = bytes_.substr(at_ + 1, close - at_ - 1);
    at_ = close + 1;
    return true;
}

bool NpyParser::parse_integer(int64_t& value) {
    skip_spaces();
    const size_t start = at_;
    value = 0;
    while (at_ < end_ && bytes_[at_] >= '0' && bytes_[at_] <= '9') {
        if (value > (int64_t{1} << 56))
            return bad(start, "the dimension is too large for any file");
        value = value * 10 + (bytes_[at_++] - '0');
    }
    return at_ > start || bad(at_, "expected a dimension, found {}", here());
}

/// (), (3,) or (3, 4): a tuple of one needs its comma, others may end in one.
bool NpyParser::parse_shape() {
    if (!take('(')) return bad(at_, "expected `(` before the shape, found {}", here());
    bool comma = true;
    while (!take(')')) {
        if (!comma) return bad(at_, "expected `,` or `)` in the shape, found {}", here());
        if (array_.shape.size() == kRankMost) return bad(at_, "more than {} dimensions", kRankMost);
        int64_t size = 0;
        if (!parse_integer(size)) return false;
        array_.shape.push_back(size);
        comma = take(',');
    }
    return comma || array_.shape.size() > 1 || bad(at_, "`(3)` is no tuple, `(3,)` is");
}

bool NpyParser::parse_entry(unsigned& seen) {
    std::string_view key;
    skip_spaces();
    const size_t start = at_;
    if (!parse_string(key)) return false;
    if (!take(':')) return bad(at_, "expected `:` after `{}`, found {}", key, here());
    skip_spaces();
    const size_t value_start = at_;
    const unsigned bit = key == "descr" ? 1 : key == "fortran_order" ? 2 : key == "shape" ? 4 : 0;
    if (bit == 0)
        return bad(start, "unknown key `{}`; there are `descr`, `fortran_order`, `shape`", key);
    if (seen & bit) return bad(start, "`{}` a second time", key);
    seen |= bit;
    if (bit == 4) return parse_shape();
    if (bit == 2) {
        const std::string_view rest = bytes_.substr(at_, end_ - at_);
        if (rest.starts_with("True"))
            return bad(value_start, "the array is column-major; save `np.ascontiguousarray(x)`");
        if (!rest.starts_with("False"))
            return bad(value_start, "expected `True` or `False`, found {}", here());
        at_ += 5;
        return true;
    }
    std::string_view type;
    if (!parse_string(type)) return false;
    return type == "<f4" || bad(value_start,
                                "values of type `{}`, but only float32, `<f4`, can be read; save "
                                "`x.astype(np.float32)`",
                                type);
}

bool NpyParser::parse_dict() {
    if (!take('{')) return bad(at_, "expected `{{`, found {}", here());
    unsigned seen = 0;
    bool comma = true;
    while (!take('}')) {
        if (!comma) return bad(at_, "expected `,` or `}}`, found {}", here());
        if (!parse_entry(seen)) return false;
        comma = take(',');
    }
    if (seen != 7)
        return bad(at_, "the header lacks `{}`",
                   !(seen & 1)   ? "descr"
                   : !(seen & 2) ? "fortran_order"
                                 : "shape");
    while (at_ < end_ && (bytes_[at_] == ' ' || bytes_[at_] == '\n')) ++at_;
    return at_ == end_ || bad(at_, "expected the end of the header, found {}", here());
}

bool NpyParser::parse_values() {
    const size_t available = bytes_.size() - end_;
    // A shape with a 0 holds nothing, however large the rest of it is.
    uint64_t count = 1;
    bool overflow = false;
    for (const int64_t size : array_.shape) {
        overflow |= __builtin_mul_overflow(count, static_cast<uint64_t>(size), &count);
        if (size == 0) {
            count = 0;
            overflow = false;
            break;
        }
    }
    if (overflow || count > available / sizeof(float))
        return bad(bytes_.size(), "the file ends after {} of the values of shape ({})",
                   available / sizeof(float), fmt::join(array_.shape, ", "));
    if (available != count * sizeof(float))
        return bad(end_ + count * sizeof(float), "{} bytes follow the values of shape ({})",
                   available - count * sizeof(float), fmt::join(array_.shape, ", "));
    array_.values.resize(count);
    if (count > 0) std::memcpy(array_.values.data(), bytes_.data() + end_, available);
    return true;
}

Result<NpyArray> NpyParser::parse() {
    if (parse_preamble() && parse_dict() && parse_values()) return std::move(array_);
    return Failure{};
}

}  // namespace

std::string npy_header(std::span<const int64_t> shape) {
    std::string dict = fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}{}), }}",
                                   fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
    // Padded with spaces and a line break, so that the values are aligned for whoever maps the
    // file.
    const size_t before = kMagic.size() + 4;
    const size_t padded =
        (before + dict.size() + kHeaderAlignment) / kHeaderAlignment * kHeaderAlignment;
    dict.resize(padded - before, ' ');
    dict.back() = '\n';
    std::string header(kMagic);
    header += {'\x01', '\x00', static_cast<char>(dict.size() & 0xff),
               static_cast<char>(dict.size() >> 8)};
    return header + dict;
}

bool write_npy(const std::string& path, std::span<const int64_t> shape,
               std::span<const float> values, Diagnostics& diagnostics) {
    size_t count = 1;
    for (const int64_t size : shape) count *= static_cast<size_t>(size);
    GMC_CHECK(count == values.size(), "`{}` has {} values for shape ({})", path, values.size(),
              fmt::join(shape, ", "));
    Result<AtomicFile> file = AtomicFile::create(path, diagnostics);
    return file && file->write(npy_header(shape), diagnostics) &&
           file->write(values.data(), values.size_bytes(), diagnostics) &&
           file->commit(diagnostics);
}

Result<NpyArray> parse_npy(std::string_view bytes, const std::string& name,
                           Diagnostics& diagnostics) {
    return NpyParser(bytes, name, diagnostics).parse();
}

Result<NpyArray> read_npy(const std::string& path, Diagnostics& diagnostics) {
    Result<std::string> bytes = read_whole_file(path, kFileBytesMost, diagnostics);
    if (!bytes) return Failure{};
    return parse_npy(*bytes, path, diagnostics);
}

}  // namespace gmc::runtime
