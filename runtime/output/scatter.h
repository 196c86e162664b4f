// Draws points of the plane as a picture: those of the data pale, samples dark on top of them.
#pragma once

#include <cstdint>
#include <span>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "runtime/files/image.h"

namespace gmc::runtime {

struct ScatterOptions {
    /// Pixels of the square that holds the points; at least 64.
    int64_t side = 640;
    /// Of a dot, in pixels.
    double data_radius = 2.0;
    /// Of a dot, in pixels.
    double point_radius = 1.6;
    /// Points that follow each other and are joined by lines; 0: none are.
    int64_t path_length = 0;
};

/// A square with equal axes that shows all of `data` (or all of `points` when there are no data)
/// with a margin, a grid of round numbers, their labels and a legend. Points outside and points
/// that are not finite are not drawn, but the legend counts them. Both spans are x, y, x, y, ...
/// Errors: kBadValue (a side below 64 or above 8192, an odd number of coordinates, nothing finite
/// to show).
Result<Image> scatter_plot(std::span<const float> data, std::span<const float> points,
                           const ScatterOptions& options, Diagnostics& diagnostics);

}  // namespace gmc::runtime
