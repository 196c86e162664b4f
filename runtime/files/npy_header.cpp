// Reads the header of a .npy file. Its dict is Python text, but NumPy writes its three keys in one
// form only, and other programs differ from it in quotes at most. So instead of a parser of Python
// there is a search for each key's text, and what is found is checked strictly.
#include <algorithm>
#include <charconv>
#include <cstring>

#include "runtime/files/array_header.h"

namespace gmc::runtime {
namespace {

constexpr std::string_view kMagic("\x93NUMPY", 6);
/// NumPy's own headers take some hundred bytes.
constexpr size_t kHeaderMost = 65536;
constexpr size_t kRankMost = 8;

/// What else an array may hold, and what to save in its place.
std::string_view refusal(std::string_view type) {
    switch (type.size() > 1 ? type[1] : '\0') {
        case 'c':
            return "which are complex numbers; save both parts, `np.stack([x.real, x.imag], -1)`";
        case 'S':
        case 'U':
            return "which are texts; number them, `np.unique(x, return_inverse=True)[1]`";
        case 'O':
            return "which are Python objects; save numbers, such as `np.stack(x)` or "
                   "`x.astype(np.float32)`";
        case 'M':
        case 'm':
            return "which are times; save them as numbers, such as `x.astype(np.int64)`";
        default:
            return "which is no number of 1 to 8 bytes; save `x.astype(np.float32)`";
    }
}

/// Reads the parts of a header in order; each error says at which offset of the file it is.
class NpyReader {
  public:
    NpyReader(const ReadBytes& read, ArrayHeader& header, Diagnostics& diagnostics)
        : read_(read), header_(header), diagnostics_(diagnostics) {}

    bool run() {
        return read_preamble() && parse_order() && parse_type() && parse_shape() && check_shape();
    }

  private:
    template <typename... Args>
    bool bad(size_t offset, fmt::format_string<Args...> text, Args&&... args) {
        diagnostics_.error(DiagnosticKind::kBadFile, {}, "`{}`, offset {}: {}", header_.path,
                           offset, fmt::format(text, std::forward<Args>(args)...));
        return false;
    }
    bool read_exactly(char* dst, size_t size, size_t offset);
    bool read_preamble();
    bool find_value(const char* key);
    bool parse_order();
    bool parse_type();
    bool parse_shape();
    bool check_shape();

    std::string_view rest() const { return std::string_view(dict_).substr(at_); }
    size_t offset() const { return dict_offset_ + at_; }

    const ReadBytes& read_;
    ArrayHeader& header_;
    Diagnostics& diagnostics_;
    std::string dict_;
    size_t dict_offset_ = 0;
    size_t at_ = 0;  ///< the place in dict_ that is looked at
};

bool NpyReader::read_exactly(char* dst, size_t size, size_t offset) {
    Result<size_t> got = read_(dst, size, diagnostics_);
    if (!got) return false;
    return *got == size || bad(offset + *got, "the file ends within its header");
}

/// What a file is likely to be that was given for a .npy, and what helps.
const char* likely_kind(std::string_view start) {
    if (start.starts_with("PK")) return "; it looks like a zip, which `npz:` reads";
    if (start.starts_with("\x89HDF")) return "; it looks like HDF5: save its array by `np.save`";
    if (start.starts_with("\x80")) return "; it looks like a pickle: save arrays by `np.save`";
    if (start.starts_with(std::string_view("\0\0", 2))) return "; it looks like idx: `idx: FILE`";
    const bool text = std::all_of(start.begin(), start.end(), [](unsigned char c) {
        return c >= 0x20 || c == '\n' || c == '\r' || c == '\t';
    });
    return text && !start.empty() ? "; it looks like text: `csv:` reads tables" : "";
}

bool NpyReader::read_preamble() {
    char start[8];
    Result<size_t> got = read_(start, sizeof start, diagnostics_);
    if (!got) return false;
    if (*got < sizeof start || std::string_view(start, kMagic.size()) != kMagic)
        return bad(0, "not a .npy file, which starts with 0x93 and `NUMPY`{}",
                   likely_kind({start, std::min<size_t>(*got, sizeof start)}));
    const int major = static_cast<unsigned char>(start[6]);
    const int minor = static_cast<unsigned char>(start[7]);
    if (major < 1 || major > 3 || minor != 0)
        return bad(6, "version {}.{}, but 1.0 to 3.0 can be read", major, minor);
    const size_t length_bytes = major == 1 ? 2 : 4;
    char length_text[4] = {};
    if (!read_exactly(length_text, length_bytes, 8)) return false;
    size_t length = 0;
    for (size_t i = length_bytes; i-- > 0;)
        length = length << 8 | static_cast<unsigned char>(length_text[i]);
    if (length > kHeaderMost)
        return bad(8, "a header of {} bytes; at most {} are read", length, kHeaderMost);
    dict_offset_ = 8 + length_bytes;
    dict_.resize(length);
    header_.header_bytes = dict_offset_ + length;
    return read_exactly(dict_.data(), length, dict_offset_);
}

/// Puts the cursor on the value of `key`.
bool NpyReader::find_value(const char* key) {
    at_ = 0;
    const auto next = [&](size_t from) {
        return std::min(rest().find(fmt::format("'{}':", key), from),
                        rest().find(fmt::format("\"{}\":", key), from));
    };
    const size_t found = next(0);
    if (found == std::string_view::npos) return bad(dict_offset_, "the header lacks '{}'", key);
    if (const size_t again = next(found + 1); again != std::string_view::npos)
        return bad(dict_offset_ + again, "the header has '{}' twice", key);
    at_ = found + std::strlen(key) + 3;
    at_ += std::min(rest().find_first_not_of(' '), rest().size());
    return true;
}

bool NpyReader::parse_order() {
    if (!find_value("fortran_order")) return false;
    header_.column_major = rest().starts_with("True");
    return header_.column_major || rest().starts_with("False") ||
           bad(offset(), "'fortran_order' is neither True nor False");
}

bool NpyReader::parse_type() {
    if (!find_value("descr")) return false;
    const bool quoted = rest().starts_with('\'') || rest().starts_with('"');
    const size_t close = quoted ? rest().find(rest().front(), 1) : std::string_view::npos;
    if (close == std::string_view::npos)
        return bad(offset(),
                   "records of named columns, which are not read; save them as one array, "
                   "`np.lib.recfunctions.structured_to_unstructured(x)`");
    const std::string_view type = rest().substr(1, close - 1);
    header_.type = find_npy_type(type);
    return header_.type != nullptr || bad(offset(), "values of type `{}`, {}", type, refusal(type));
}

/// (), (3,) or (3, 4)
bool NpyReader::parse_shape() {
    if (!find_value("shape")) return false;
    if (!rest().starts_with("(")) return bad(offset(), "'shape' is no tuple");
    ++at_;
    for (;;) {
        at_ += std::min(rest().find_first_not_of(", "), rest().size());
        if (rest().starts_with(")")) return true;
        uint64_t size = 0;
        const auto [end, error] =
            std::from_chars(rest().data(), rest().data() + rest().size(), size);
        if (error == std::errc::result_out_of_range)
            return bad(offset(), "'shape' holds a size beyond 2^64, more than any file has");
        if (error != std::errc()) return bad(offset(), "'shape' holds something else than sizes");
        if (header_.dimensions.size() == kRankMost)
            return bad(offset(), "more than {} dimensions", kRankMost);
        header_.dimensions.push_back(size);
        at_ += static_cast<size_t>(end - rest().data());
        if (rest().starts_with("L")) ++at_;  // as Python 2 wrote large integers
    }
}

bool NpyReader::check_shape() {
    if (header_.dimensions.empty())
        return bad(offset(), "one number, but examples lie along the first of the dimensions");
    if (std::count(header_.dimensions.begin(), header_.dimensions.end(), uint64_t{0}) > 0)
        return bad(offset(), "a dimension of 0, so there is nothing to read");
    return true;
}

}  // namespace

bool read_npy_header(const ReadBytes& read, ArrayHeader& header, Diagnostics& diagnostics) {
    return NpyReader(read, header, diagnostics).run();
}

}  // namespace gmc::runtime
