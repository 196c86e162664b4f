// Points of the plane as a picture: those of the data pale, samples dark over them.
#pragma once

#include <cstdint>
#include <span>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "runtime/files/image.h"

namespace gmc::runtime {

struct ScatterOptions {
    int64_t side = 640;         ///< pixels of the square that the points are in, at least 64
    double data_radius = 2.0;   ///< of a dot, in pixels
    double point_radius = 1.6;  ///< of a dot, in pixels
};

/// A square with equal axes that holds all of `data` (all of `points` when there are no data) and a
/// margin, with a grid of round numbers and their labels. Points outside are not drawn but counted
/// in the caption, as are those that are not finite. Both are x, y, x, y, ... Errors: kBadValue (a
/// side below 64 or above 8192, an odd number of coordinates, nothing finite to show).
Result<Image> scatter_plot(std::span<const float> data, std::span<const float> points,
                           const ScatterOptions& options, Diagnostics& diagnostics);

}  // namespace gmc::runtime
