// One picture of the `shapes` set: a filled, antialiased shape at a random place, in a random size,
// slightly turned, brighter than its background. Drawn from signed distances, so any picture size
// costs the same per pixel.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace gmc::runtime {

/// The classes: circle, square, triangle, cross, ring, frame, star, crescent.
std::span<const std::string> shape_names();

/// Draws example `index` into `pixels` (height x width x channels, channels 1 or 3) and returns its
/// class, 0 .. classes - 1. A pure function of its arguments.
int64_t draw_shape(uint64_t seed, int64_t index, int64_t classes, int64_t height, int64_t width,
                   int64_t channels, std::span<uint8_t> pixels);

}  // namespace gmc::runtime
