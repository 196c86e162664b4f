// Handles alpha channels: whether they matter, dropping them, laying pictures over a ground, and
// multiplying colours by alpha. All of it goes pixel by pixel on 8-bit values, rounded to nearest.
#include "runtime/data/pictures/alpha.h"

#include <algorithm>

namespace gmc::runtime {
namespace {

/// An image without the last channel; `make(pixel, c)` is the value of channel c.
template <typename Make>
Image without_alpha(const Image& image, Make&& make) {
    Image out = make_image(image.height, image.width, image.channels - 1, 0);
    const uint8_t* pixel = image.pixels.data();
    for (uint8_t* to = out.pixels.data(); to != out.pixels.data() + out.pixels.size();
         pixel += image.channels)
        for (int64_t c = 0; c < out.channels; ++c) *to++ = make(pixel, c);
    return out;
}

}  // namespace

bool has_transparency(const Image& image) {
    if (!image.has_alpha()) return false;
    for (size_t i = static_cast<size_t>(image.channels) - 1; i < image.pixels.size();
         i += static_cast<size_t>(image.channels))
        if (image.pixels[i] != 255) return true;
    return false;
}

Image drop_alpha(const Image& image) {
    return without_alpha(image, [](const uint8_t* pixel, int64_t c) { return pixel[c]; });
}

Image blend_over(const Image& image, uint8_t ground) {
    if (!image.has_alpha()) return image;
    return without_alpha(image, [&](const uint8_t* pixel, int64_t c) {
        const int alpha = pixel[image.channels - 1];
        return static_cast<uint8_t>((pixel[c] * alpha + ground * (255 - alpha) + 127) / 255);
    });
}

void multiply_by_alpha(Image& image) {
    for (uint8_t* pixel = image.pixels.data(); pixel != image.pixels.data() + image.pixels.size();
         pixel += 4)
        for (int c = 0; c < 3; ++c)
            pixel[c] = static_cast<uint8_t>((pixel[c] * pixel[3] + 127) / 255);
}

void divide_by_alpha(Image& image) {
    for (uint8_t* pixel = image.pixels.data(); pixel != image.pixels.data() + image.pixels.size();
         pixel += 4)
        for (int c = 0; c < 3 && pixel[3] > 0; ++c)
            pixel[c] =
                static_cast<uint8_t>(std::min(255, (pixel[c] * 255 + pixel[3] / 2) / pixel[3]));
}

}  // namespace gmc::runtime
