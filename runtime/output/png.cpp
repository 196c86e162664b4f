// Makes PNG files of pictures in memory, through libpng.
#include "runtime/output/png.h"

#include <png.h>

#include <new>

#include "compiler/support/check.h"
#include "runtime/files/atomic_file.h"

namespace gmc::runtime {
namespace {

constexpr int64_t kSideMost = int64_t{1} << 24;

/// libpng's simplified interface needs no setjmp, so that C++ objects may live across its calls;
/// its handle is freed on every way out.
struct PngHandle {
    png_image image{};
    PngHandle() { image.version = PNG_IMAGE_VERSION; }
    ~PngHandle() { png_image_free(&image); }
    PngHandle(const PngHandle&) = delete;
    PngHandle& operator=(const PngHandle&) = delete;
};

}  // namespace

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
    png.image.format = (image.channels > 2 ? PNG_FORMAT_FLAG_COLOR : 0U) |
                       (image.has_alpha() ? PNG_FORMAT_FLAG_ALPHA : 0U);
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

}  // namespace gmc::runtime
