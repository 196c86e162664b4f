// PNG through libpng's simplified interface: no setjmp, so C++ objects may live across its calls.
#include "runtime/output/png.h"

#include <png.h>

#include <cstring>
#include <new>

#include "compiler/support/check.h"
#include "runtime/output/atomic_file.h"

namespace gmc::runtime {
namespace {

constexpr int64_t kSideMost = int64_t{1} << 24;
constexpr uint64_t kPixelsMost = uint64_t{1} << 28;
/// Deflate gives at most 1032 bytes for one, and a byte holds at most 8 pixels.
constexpr uint64_t kPixelsPerByteMost = 1032 * 8;
constexpr uint64_t kFileBytesMost = uint64_t{1} << 31;

/// libpng's handle, freed on every way out.
struct PngHandle {
    png_image image{};
    PngHandle() { image.version = PNG_IMAGE_VERSION; }
    ~PngHandle() { png_image_free(&image); }
    PngHandle(const PngHandle&) = delete;
    PngHandle& operator=(const PngHandle&) = delete;
};

}  // namespace

Image make_image(int64_t height, int64_t width, int64_t channels, uint8_t value) {
    GMC_CHECK(height > 0 && width > 0 && (channels == 1 || channels == 3),
              "an image of {} x {} x {}", height, width, channels);
    return {height, width, channels,
            std::vector<uint8_t>(static_cast<size_t>(height * width * channels), value)};
}

Result<std::string> encode_png(const Image& image, Diagnostics& diagnostics) {
    GMC_CHECK(
        static_cast<int64_t>(image.pixels.size()) == image.height * image.width * image.channels,
        "an image of {} x {} x {} has {} bytes", image.height, image.width, image.channels,
        image.pixels.size());
    const auto too_large = [&](const char* reason) {
        diagnostics.error(DiagnosticKind::kTooLarge, {}, "a picture of {} x {} cannot be a PNG: {}",
                          image.width, image.height, reason);
        return Failure{};
    };
    if (image.width > kSideMost || image.height > kSideMost) return too_large("a side is too long");
    PngHandle png;
    png.image.width = static_cast<png_uint_32>(image.width);
    png.image.height = static_cast<png_uint_32>(image.height);
    png.image.format = image.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
    try {
        png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png.image);
        std::string bytes(size, '\0');
        if (png_image_write_to_memory(&png.image, bytes.data(), &size, 0, image.pixels.data(), 0,
                                      nullptr) == 0)
            return too_large(png.image.message);
        bytes.resize(size);
        return bytes;
    } catch (const std::bad_alloc&) {
        return too_large("no memory");
    }
}

bool write_png(const std::string& path, const Image& image, Diagnostics& diagnostics) {
    Result<std::string> bytes = encode_png(image, diagnostics);
    return bytes && write_file_atomically(path, *bytes, diagnostics);
}

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
