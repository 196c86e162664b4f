// PNG through runtime/output, JPEG through jpeg.cpp; the place of a PNG's damage, which libpng does
// not tell.
#include "runtime/data/files/image_file.h"

#include <zlib.h>

#include <algorithm>
#include <cctype>
#include <new>

#include "runtime/data/files/jpeg.h"
#include "runtime/data/files/png_reader.h"
#include "runtime/files/atomic_file.h"

namespace gmc::runtime {
namespace {

constexpr uint64_t kFileBytesMost = uint64_t{1} << 31;
constexpr std::string_view kPngMagic("\x89PNG\r\n\x1a\n", 8);
constexpr std::string_view kJpegMagic("\xff\xd8", 2);

uint32_t big_endian(std::string_view bytes, size_t at) {
    uint32_t value = 0;
    for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
    return value;
}

/// Where the chunks of a PNG stop making sense, in words: length, type, data, checksum each.
std::string png_fault(std::string_view bytes) {
    for (size_t at = kPngMagic.size(); at < bytes.size();) {
        if (bytes.size() - at < 12) return fmt::format("the file ends at offset {}", bytes.size());
        const uint32_t length = big_endian(bytes, at);
        const std::string_view type = bytes.substr(at + 4, 4);
        if (length > bytes.size() - at - 12)
            return fmt::format("the chunk at offset {} goes on beyond the file's {} bytes", at,
                               bytes.size());
        const uLong sum = crc32(0, reinterpret_cast<const Bytef*>(type.data()), length + 4);
        if (sum != big_endian(bytes, at + 8 + length))
            return fmt::format("the chunk at offset {} has a wrong checksum", at);
        if (type == "IEND") return "its chunks are whole, what they hold is not";
        at += 12 + size_t{length};
    }
    return fmt::format("the file ends at offset {} without its last chunk", bytes.size());
}

}  // namespace

Result<Image> decode_image(std::string_view bytes, const std::string& name,
                           Diagnostics& diagnostics) {
    try {
        if (bytes.starts_with(kJpegMagic)) return decode_jpeg(bytes, name, diagnostics);
        if (bytes.starts_with(kPngMagic)) {
            Diagnostics found;
            Result<Image> image = decode_png(bytes, name, found);
            if (image) return image;
            Diagnostic error = found.list().front();
            if (error.kind == DiagnosticKind::kBadFile) error.text += "; " + png_fault(bytes);
            diagnostics.add(std::move(error));
            return Failure{};
        }
    } catch (const std::bad_alloc&) {
        diagnostics.error(DiagnosticKind::kTooLarge, {}, "`{}` does not fit into memory", name);
        return Failure{};
    }
    std::string start;
    for (const char byte : bytes.substr(0, 4))
        start += fmt::format(" {:02x}", static_cast<unsigned char>(byte));
    diagnostics.error(DiagnosticKind::kBadFile, {},
                      "`{}` is neither PNG nor JPEG: at offset 0 it has{}", name,
                      start.empty() ? " nothing" : start);
    return Failure{};
}

Result<Image> read_image(const std::string& path, Diagnostics& diagnostics) {
    Result<std::string> bytes = read_whole_file(path, kFileBytesMost, diagnostics);
    if (!bytes) return Failure{};
    return decode_image(*bytes, path, diagnostics);
}

bool has_image_name(std::string_view path) {
    std::string end(path.substr(path.size() - std::min<size_t>(path.size(), 5)));
    std::transform(end.begin(), end.end(), end.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return end.ends_with(".png") || end.ends_with(".jpg") || end == ".jpeg";
}

}  // namespace gmc::runtime
