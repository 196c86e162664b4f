// Pictures of any size made one size.
#pragma once

#include "runtime/files/image.h"

namespace gmc::runtime {

/// `image` as height x width x channels. With `crop`, the middle of the picture that has the wanted
/// proportions, else all of it, stretched. Bilinear; where the picture shrinks, every pixel that
/// falls under a new one has its share, so that fine patterns turn grey instead of into coarse
/// ones. Colour becomes grey by the weights of Rec. 601, grey becomes colour by three equal
/// channels.
Image fit_image(const Image& image, int64_t height, int64_t width, int64_t channels, bool crop);

/// Swaps left and right of height x width x channels floats.
void mirror(float* pixels, int64_t height, int64_t width, int64_t channels);

}  // namespace gmc::runtime
