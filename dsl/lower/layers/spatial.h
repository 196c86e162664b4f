// What layers with windows share: the axes of examples [D..., C] between the batch and the
// channels, and numbers of the language per such axis.
#pragma once

#include <string>
#include <vector>

#include "dsl/lower/layers/layers.h"

namespace gmc::lower {

/// Is x one of `axes` spatial axes, [length, channels] or [height, width, channels]? Reports what
/// it is otherwise.
bool needs_spatial(LayerScope& layer, size_t axes);
/// The spec's number or pair as one number per spatial axis.
std::vector<int64_t> per_axis(const LayerScope& layer, const std::string& key);

/// Along one axis: padding, and the number of windows that results.
struct Windows {
    int64_t begin = 0, end = 0;  ///< elements put before and behind
    int64_t count = 0;
};
/// `padding` is "valid" (none), "same" (TensorFlow's: ceil(size / stride) windows, the odd element
/// goes last) or "causal" (all of it before, so that a window ends at its own element). No windows
/// when `span`, the elements that a window reaches over, is larger than a size without padding.
Windows windows_along(int64_t size, int64_t span, int64_t stride, const std::string& padding);

}  // namespace gmc::lower
