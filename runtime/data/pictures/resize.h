// Resizes pictures of any size to one size.
#pragma once

#include "runtime/files/image.h"

namespace gmc::runtime {

/// What all pictures are made into.
struct PictureFit {
    int64_t height = 64;
    int64_t width = 64;
    int64_t channels = 3;  ///< 1: grey, 3: colour, 4: colour and alpha
    /// The middle of the picture that has the wanted proportions; false: all of it, stretched.
    bool crop = true;
    uint8_t ground = 0;  ///< what is seen through pictures whose alpha is not kept
};

/// `image` as `fit` says. Bilinear; where the picture shrinks, every pixel that falls under a new
/// one has its share, so that fine patterns turn grey instead of into coarse ones; with alpha,
/// pixels count by it. Colour becomes grey by the weights of Rec. 601, grey becomes colour by three
/// equal channels. A picture with 16 bits per value keeps them.
Image fit_image(const Image& image, const PictureFit& fit);

/// Swaps left and right of height x width x channels floats.
void mirror(float* pixels, int64_t height, int64_t width, int64_t channels);

}  // namespace gmc::runtime
