// PNG read through libpng.
#include "runtime/data/files/png_reader.h"

#include "runtime/files/atomic_file.h"
#include "runtime/files/png_handle.h"

namespace gmc::runtime {
namespace {

constexpr uint64_t kPixelsMost = uint64_t{1} << 28;
/// Deflate gives at most 1032 bytes for one, and a byte holds at most 8 pixels.
constexpr uint64_t kPixelsPerByteMost = 1032 * 8;
constexpr uint64_t kFileBytesMost = uint64_t{1} << 31;

}  // namespace

Result<Image> decode_png(std::string_view bytes, const std::string& name,
                         Diagnostics& diagnostics) {
    const auto bad = [&](const char* reason) {
        diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` ({} bytes) is not a good PNG: {}",
                          name, bytes.size(), reason);
        return Failure{};
    };
    PngHandle png;
    if (png_image_begin_read_from_memory(&png.image, bytes.data(), bytes.size()) == 0)
        return bad(png.image.message);
    if (uint64_t{png.image.width} * png.image.height > kPixelsMost) {
        diagnostics.error(DiagnosticKind::kTooLarge, {}, "`{}` has {} x {} pixels, more than {}",
                          name, png.image.width, png.image.height, kPixelsMost);
        return Failure{};
    }
    // A lying header would otherwise have us allocate what the file cannot hold.
    if (uint64_t{png.image.width} * png.image.height > bytes.size() * kPixelsPerByteMost)
        return bad("it is too short for the size in its header");
    const bool colour = (png.image.format & PNG_FORMAT_FLAG_COLOR) != 0;
    png.image.format = colour ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
    Image image = make_image(png.image.height, png.image.width, colour ? 3 : 1, 0);
    const png_color black{0, 0, 0};
    if (png_image_finish_read(&png.image, &black, image.pixels.data(), 0, nullptr) == 0)
        return bad(png.image.message);
    return image;
}

Result<Image> read_png(const std::string& path, Diagnostics& diagnostics) {
    Result<std::string> bytes = read_whole_file(path, kFileBytesMost, diagnostics);
    if (!bytes) return Failure{};
    return decode_png(*bytes, path, diagnostics);
}

}  // namespace gmc::runtime
