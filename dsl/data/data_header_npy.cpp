// NumPy's headers: 93 NUMPY, version, length, then a Python dict such as
//   {'descr': '<f4', 'fortran_order': False, 'shape': (60000, 28, 28), }
// (NumPy enhancement proposal 1), in a file of its own or as an entry of a zip.
#include <fmt/ranges.h>
#include <zip.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>

#include "dsl/data/data_header.h"

namespace gmc::dsl {
namespace {

/// Reads up to so many bytes; fewer at the end or where the file is damaged.
using ReadBytes = std::function<size_t(void*, size_t)>;

DataHeader bad(std::string problem) {
    DataHeader header;
    header.problem = std::move(problem);
    return header;
}

/// The dict's text, or nothing.
std::optional<std::string> read_dict(const ReadBytes& read) {
    unsigned char start[8], length[4] = {};
    if (read(start, 8) != 8 || std::memcmp(start, "\x93NUMPY", 6) != 0) return std::nullopt;
    const size_t length_bytes = start[6] == 1 ? 2 : 4;
    if (read(length, length_bytes) != length_bytes) return std::nullopt;
    std::string dict(length[0] | length[1] << 8, ' ');
    if (length[2] != 0 || length[3] != 0 || read(dict.data(), dict.size()) != dict.size())
        return std::nullopt;
    return dict;
}

/// The text from behind `key` to `end`; "" when it is not there.
std::string between(const std::string& text, const std::string& key, char end) {
    const size_t from = text.find(key);
    if (from == std::string::npos) return "";
    const size_t to = text.find(end, from + key.size());
    return to == std::string::npos ? "" : text.substr(from + key.size(), to - from - key.size());
}

/// The sizes in "60000, 28, 28"; nothing when it is something else.
std::optional<std::vector<int64_t>> parse_sizes(const std::string& text) {
    std::vector<int64_t> sizes;
    for (size_t at = 0; (at = text.find_first_not_of(", ", at)) != std::string::npos;) {
        const size_t end = std::min(text.find_first_of(", ", at), text.size());
        const std::string digits = text.substr(at, end - at);
        if (digits.size() > 12 || digits.find_first_not_of("0123456789") != std::string::npos)
            return std::nullopt;
        sizes.push_back(std::stoll(digits));
        at = end;
    }
    return sizes;
}

/// Largest + 1 of little-endian integers to the end of the file; 0 when one is below 0 or they are
/// no labels.
int64_t count_classes(const ReadBytes& read, size_t width, bool is_signed) {
    constexpr uint64_t kMost = 1000000;
    std::vector<unsigned char> bytes(65536);
    uint64_t most = 0;
    for (size_t got = 0; (got = read(bytes.data(), bytes.size())) >= width;)
        for (size_t i = 0; i + width <= got; i += width) {
            uint64_t value = 0;
            for (size_t k = width; k-- > 0;) value = value << 8 | bytes[i + k];
            if (is_signed && bytes[i + width - 1] >= 0x80) return 0;
            most = std::max(most, value);
        }
    return most >= kMost ? 0 : static_cast<int64_t>(most) + 1;
}

/// "<f4" and its like: what runtime/data reads.
bool is_readable(const std::string& type) {
    if (type.size() != 3 || (type[0] != '<' && type[0] != '|')) return false;
    const std::string_view widths = type[1] == 'f' ? "48" : "1248";
    return std::strchr("uif", type[1]) && widths.find(type[2]) != std::string_view::npos;
}

DataHeader read_array(const ReadBytes& read) {
    const std::optional<std::string> dict = read_dict(read);
    if (!dict) return bad("is no .npy file, or a damaged one");
    const std::string type = between(*dict, "'descr': '", '\'');
    const std::optional<std::vector<int64_t>> sizes =
        parse_sizes(between(*dict, "'shape': (", ')'));
    if (!is_readable(type) || !sizes)
        return bad(
            fmt::format("holds values of the type `{}`; integers and floats are read", type));
    if (sizes->empty()) return bad("holds one number, not examples");
    if (std::count(sizes->begin(), sizes->end(), 0) > 0) return bad("is empty");
    double elements = 1;
    for (size_t i = 1; i < sizes->size(); ++i) elements *= static_cast<double>((*sizes)[i]);
    if (elements > 2147483648.0) return bad("has examples of more than 2^31 numbers");
    DataHeader header;
    header.count = sizes->front();
    header.shape.assign(sizes->begin() + 1, sizes->end());
    // Grey images have no dimension for their one channel.
    if (sizes->size() == 3) header.shape.push_back(1);
    if (sizes->size() == 1 && type[1] != 'f')
        header.classes = count_classes(read, static_cast<size_t>(type[2] - '0'), type[1] == 'i');
    return header;
}

struct CloseZip {
    void operator()(zip_t* archive) const { zip_discard(archive); }
    void operator()(zip_file_t* file) const { zip_fclose(file); }
};

/// The arrays of a zip, without ".npy".
std::vector<std::string> array_names(zip_t* archive) {
    std::vector<std::string> names;
    for (zip_int64_t i = 0; i < zip_get_num_entries(archive, 0); ++i) {
        const char* text = zip_get_name(archive, static_cast<zip_uint64_t>(i), 0);
        const std::string name = text == nullptr ? "" : text;
        if (name.ends_with(".npy")) names.push_back(name.substr(0, name.size() - 4));
    }
    return names;
}

}  // namespace

DataHeader read_npy_header(const std::string& path) {
    if (std::string obstacle = find_obstacle(path); !obstacle.empty())
        return bad(std::move(obstacle));
    const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
    if (!file) return bad("cannot be opened");
    return read_array([&](void* dst, size_t size) {
        const int got = gzread(file.get(), dst, static_cast<unsigned>(size));
        return static_cast<size_t>(std::max(got, 0));
    });
}

DataHeader read_npz_header(const std::string& path, const std::string& key) {
    if (std::string obstacle = find_obstacle(path); !obstacle.empty())
        return bad(std::move(obstacle));
    int code = 0;
    const std::unique_ptr<zip_t, CloseZip> archive(zip_open(path.c_str(), ZIP_RDONLY, &code));
    if (!archive) return bad("is no .npz file, which is a zip, or a damaged one");
    const std::vector<std::string> names = array_names(archive.get());
    if (key.empty() && names.size() != 1)
        return bad(fmt::format("holds {} arrays, `key` says which: {}", names.size(),
                               fmt::join(names, ", ")));
    const std::string array = key.empty() ? names.front() : key;
    if (std::count(names.begin(), names.end(), array) == 0)
        return bad(fmt::format("has no array `{}`; it has {}", array, fmt::join(names, ", ")));
    const std::unique_ptr<zip_file_t, CloseZip> file(
        zip_fopen(archive.get(), (array + ".npy").c_str(), 0));
    if (!file) return bad(zip_strerror(archive.get()));
    return read_array([&](void* dst, size_t size) {
        size_t done = 0;
        for (zip_int64_t got = 1; got > 0 && done < size; done += static_cast<size_t>(got))
            got = std::max<zip_int64_t>(
                zip_fread(file.get(), static_cast<char*>(dst) + done, size - done), 0);
        return done;
    });
}

}  // namespace gmc::dsl
