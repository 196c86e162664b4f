// http://yann.lecun.com/exdb/mnist: two zero bytes, a type, the number of dimensions, each as a
// big-endian uint32.
#include "dsl/data/data_header.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>

namespace gmc::dsl {
namespace {

constexpr unsigned kUnsignedBytes = 0x08;
constexpr int kMostDimensions = 4;

using GzFile = std::unique_ptr<gzFile_s, int (*)(gzFile)>;

/// Nothing at the end of the file, and in a .gz that is damaged.
std::optional<uint32_t> read_big_endian(gzFile file) {
    std::array<unsigned char, 4> b{};
    if (gzread(file, b.data(), b.size()) != static_cast<int>(b.size())) return std::nullopt;
    return (uint32_t{b[0]} << 24) | (uint32_t{b[1]} << 16) | (uint32_t{b[2]} << 8) | uint32_t{b[3]};
}

/// The largest byte from here to the end of the file, at least `most`.
int64_t largest_byte(gzFile file, unsigned char most) {
    std::array<unsigned char, 65536> bytes{};
    for (int got = 0; (got = gzread(file, bytes.data(), bytes.size())) > 0;)
        most = std::max(most, *std::max_element(bytes.begin(), bytes.begin() + got));
    return most;
}

DataHeader bad(std::string problem) {
    DataHeader header;
    header.problem = std::move(problem);
    return header;
}

}  // namespace

std::string find_obstacle(const std::string& path) {
    namespace fs = std::filesystem;
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (status.type() == fs::file_type::not_found) return "does not exist";
    if (error) return "cannot be opened: " + error.message();
    if (fs::is_directory(status)) return "is a directory";
    if (!fs::is_regular_file(status)) return "is not a regular file";
    return "";
}

FolderClasses read_folder_classes(const std::string& path) {
    namespace fs = std::filesystem;
    FolderClasses classes;
    std::error_code error;
    fs::directory_iterator entry(path, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        std::error_code ignored;
        if (name.starts_with('.') || !entry->is_directory(ignored)) continue;
        classes.names.push_back(name);
    }
    if (error) classes.problem = "cannot be read as a folder: " + error.message();
    std::sort(classes.names.begin(), classes.names.end());
    return classes;
}

DataHeader read_idx_header(const std::string& path) {
    if (std::string obstacle = find_obstacle(path); !obstacle.empty())
        return bad(std::move(obstacle));
    const GzFile file(gzopen(path.c_str(), "rb"), gzclose);
    if (!file) return bad(fmt::format("cannot be opened: {}", std::strerror(errno)));
    const std::optional<uint32_t> magic = read_big_endian(file.get());
    if (!magic) return bad("is too short for an idx file, or a damaged .gz");
    if (*magic >> 16 != 0) return bad("is no idx file: it does not start with two zero bytes");
    const unsigned type = (*magic >> 8) & 0xff;
    const int dimensions = static_cast<int>(*magic & 0xff);
    if (type != kUnsignedBytes)
        return bad(
            fmt::format("holds values of the type 0x{:02x}; only bytes (0x08) are read", type));
    if (dimensions < 1 || dimensions > kMostDimensions)
        return bad(fmt::format("has {} dimensions; 1 to {} are read", dimensions, kMostDimensions));
    DataHeader header;
    double elements = 1;
    for (int i = 0; i < dimensions; ++i) {
        const std::optional<uint32_t> size = read_big_endian(file.get());
        if (!size) return bad("ends within its header");
        if (*size == 0) return bad("is empty: its header has a size of 0");
        if (i == 0)
            header.count = *size;
        else
            header.shape.push_back(*size);
        elements *= i == 0 ? 1 : *size;
    }
    if (elements > 2147483648.0) return bad("has examples of more than 2^31 bytes");
    // Grey images have no dimension for their one channel.
    if (dimensions == 3) header.shape.push_back(1);
    unsigned char first = 0;
    if (gzread(file.get(), &first, 1) != 1) return bad("ends after its header");
    if (dimensions == 1) header.classes = 1 + largest_byte(file.get(), first);
    return header;
}

}  // namespace gmc::dsl
