// The dict is Python text, but NumPy writes its three keys in one form only, so a search for each
// key's text reads every file that NumPy makes, and what is found is checked strictly.
#include "runtime/data/files/npy_header.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace gmc::runtime {
namespace {

constexpr std::string_view kMagic("\x93NUMPY", 6);
constexpr size_t kHeaderMost = 65536;
constexpr size_t kRankMost = 8;

class HeaderReader {
  public:
    HeaderReader(const ReadBytes& read, ValueBlock& block, Diagnostics& diagnostics)
        : read_(read), block_(block), diagnostics_(diagnostics) {}

    bool run() {
        return read_preamble() && parse_order() && parse_type() && parse_shape() && check_shape();
    }

  private:
    template <typename... Args>
    bool bad(size_t offset, fmt::format_string<Args...> text, Args&&... args) {
        diagnostics_.error(DiagnosticKind::kBadFile, {}, "`{}`, offset {}: {}", block_.path, offset,
                           fmt::format(text, std::forward<Args>(args)...));
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
    ValueBlock& block_;
    Diagnostics& diagnostics_;
    std::string dict_;
    size_t dict_offset_ = 0;
    size_t at_ = 0;  ///< cursor in dict_
};

bool HeaderReader::read_exactly(char* dst, size_t size, size_t offset) {
    Result<size_t> got = read_(dst, size, diagnostics_);
    if (!got) return false;
    return *got == size || bad(offset + *got, "the file ends within its header");
}

bool HeaderReader::read_preamble() {
    char start[8];
    Result<size_t> got = read_(start, sizeof start, diagnostics_);
    if (!got) return false;
    if (*got < sizeof start || std::string_view(start, kMagic.size()) != kMagic)
        return bad(0, "not a .npy file, which starts with 0x93 and `NUMPY`");
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
    block_.header_bytes = dict_offset_ + length;
    return read_exactly(dict_.data(), length, dict_offset_);
}

/// Puts the cursor on the value of `key`.
bool HeaderReader::find_value(const char* key) {
    at_ = 0;
    size_t found = rest().find(fmt::format("'{}':", key));
    if (found == std::string_view::npos) return bad(dict_offset_, "the header lacks '{}'", key);
    at_ = found + std::strlen(key) + 3;
    at_ += std::min(rest().find_first_not_of(' '), rest().size());
    return true;
}

bool HeaderReader::parse_order() {
    if (!find_value("fortran_order")) return false;
    if (rest().starts_with("False")) return true;
    if (rest().starts_with("True"))
        return bad(offset(), "the array is column-major; save `np.ascontiguousarray(x)`");
    return bad(offset(), "'fortran_order' is neither True nor False");
}

bool HeaderReader::parse_type() {
    if (!find_value("descr")) return false;
    const size_t close = rest().starts_with("'") ? rest().find('\'', 1) : std::string_view::npos;
    if (close == std::string_view::npos)
        return bad(offset(), "'descr' is no quoted text: records are not read");
    const std::string_view type = rest().substr(1, close - 1);
    block_.type = find_npy_type(type);
    return block_.type != nullptr ||
           bad(offset(),
               "values of type `{}`, but integers and floats such as `|u1`, `<f4` and `<i8` can be "
               "read; save `x.astype(np.float32)`",
               type);
}

/// (), (3,) or (3, 4)
bool HeaderReader::parse_shape() {
    if (!find_value("shape")) return false;
    if (!rest().starts_with("(")) return bad(offset(), "'shape' is no tuple");
    ++at_;
    for (;;) {
        at_ += std::min(rest().find_first_not_of(", "), rest().size());
        if (rest().starts_with(")")) return true;
        uint64_t size = 0;
        const auto [end, error] =
            std::from_chars(rest().data(), rest().data() + rest().size(), size);
        if (error != std::errc()) return bad(offset(), "'shape' holds something else than sizes");
        if (block_.dimensions.size() == kRankMost)
            return bad(offset(), "more than {} dimensions", kRankMost);
        block_.dimensions.push_back(size);
        at_ += static_cast<size_t>(end - rest().data());
    }
}

bool HeaderReader::check_shape() {
    if (block_.dimensions.empty())
        return bad(offset(), "one number, but examples lie along the first of the dimensions");
    if (std::count(block_.dimensions.begin(), block_.dimensions.end(), uint64_t{0}) > 0)
        return bad(offset(), "a dimension of 0, so there is nothing to read");
    return true;
}

}  // namespace

bool read_npy_header(const ReadBytes& read, ValueBlock& block, Diagnostics& diagnostics) {
    return HeaderReader(read, block, diagnostics).run();
}

}  // namespace gmc::runtime
