// Decodes BMP through stb_image, whose implementation is compiled in this file, for BMP only.
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_BMP
#define STBI_NO_STDIO
#define STBI_MAX_DIMENSIONS (1 << 24)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wold-style-cast"
#include <stb/stb_image.h>
#pragma GCC diagnostic pop

#include <algorithm>
#include <memory>

#include "runtime/data/pictures/alpha.h"
#include "runtime/data/pictures/optional/formats.h"

namespace gmc::runtime {
namespace {

/// One bit a pixel, uncompressed.
constexpr uint64_t kPixelsPerByteMost = 8;

/// Where the header says how pixels are stored. 0 is the plain way, which has no alpha: of 32 bits
/// per pixel, 8 mean nothing.
constexpr size_t kCompressionAt = 30;

struct Free {
    void operator()(stbi_uc* pixels) const { stbi_image_free(pixels); }
};

}  // namespace

Result<Image> decode_bmp(const PictureBytes& file, Diagnostics& diagnostics) {
    const auto* bytes = reinterpret_cast<const stbi_uc*>(file.bytes.data());
    const int size = static_cast<int>(file.bytes.size());
    int width = 0, height = 0, channels = 0;
    if (stbi_info_from_memory(bytes, size, &width, &height, &channels) == 0)
        return report_bad_picture(file, stbi_failure_reason(), diagnostics);
    if (!check_picture_size(file, height, width, kPixelsPerByteMost, diagnostics)) return Failure{};
    const std::unique_ptr<stbi_uc, Free> pixels(
        stbi_load_from_memory(bytes, size, &width, &height, &channels, 0));
    if (!pixels) return report_bad_picture(file, stbi_failure_reason(), diagnostics);
    Image image = make_image(height, width, channels, 0);
    std::copy_n(pixels.get(), image.pixels.size(), image.pixels.data());
    const std::string_view way = file.bytes.substr(kCompressionAt, 4);
    return image.has_alpha() && way == std::string_view("\0\0\0\0", 4) ? drop_alpha(image) : image;
}

}  // namespace gmc::runtime
