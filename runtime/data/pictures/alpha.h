// Pictures with an alpha channel, as the last of 2 (grey) or 4 (red, green, blue).
#pragma once

#include "runtime/files/image.h"

namespace gmc::runtime {

/// Is any pixel of it less than opaque?
bool has_transparency(const Image& image);

/// The picture without its alpha channel; colours stay, also those of transparent pixels.
Image drop_alpha(const Image& image);

/// The picture laid over a ground of one grey value: (colour alpha + ground (255 - alpha)) / 255 of
/// stored values, to the nearest. A picture without alpha stays as it is.
Image blend_over(const Image& image, uint8_t ground);

/// Each colour of an RGBA picture times alpha / 255, and back; what alpha 0 hid stays 0.
void multiply_by_alpha(Image& image);
void divide_by_alpha(Image& image);

}  // namespace gmc::runtime
