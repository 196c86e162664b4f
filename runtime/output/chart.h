// Charts: curves of losses and metrics over the steps of training.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "runtime/files/image.h"

namespace gmc::runtime {

/// Values `y` over increasing `x`; a value that is not finite is a gap.
struct Curve {
    std::string name;  ///< in the legend
    std::vector<double> x, y;
};

struct ChartOptions {
    int64_t width = 900, height = 320;  ///< pixels of the frame, at least 64 and at most 8192
    bool logarithmic = false;  ///< the axis of values; a value that is not above 0 is a gap
    /// How much of the previous average goes into each value drawn, from 0 to below 1: an
    /// exponential average with its start corrected. The curve itself is drawn pale below it.
    double smoothing = 0;
};

/// Whether one of the curves has a point that is drawn.
bool has_points(std::span<const Curve> curves, const ChartOptions& options);

/// All curves in one frame with a grid of round numbers, their labels and a legend of the curves'
/// names and last values. Errors: kBadValue (a size or a smoothing out of range, nothing finite).
Result<Image> line_chart(std::span<const Curve> curves, const ChartOptions& options,
                         Diagnostics& diagnostics);

/// The values that `smoothing` makes of `values`; those that are not finite stay as they are.
std::vector<double> smoothed(std::span<const double> values, double smoothing);

}  // namespace gmc::runtime
