// What all layers with windows share: the spatial axes of examples [D..., C], that is those between
// batch and channels, and keys that give a number per such axis.
#pragma once

#include <string>
#include <vector>

#include "dsl/lower/layers/layers.h"

namespace gmc::lower {

/// True when examples have `axes` spatial axes: [length, channels], [height, width, channels] or
/// [depth, height, width, channels]. Reports the layer otherwise.
bool needs_spatial(LayerScope& layer, size_t axes);
/// A key that holds a number or a list, as one number per spatial axis.
std::vector<int64_t> per_axis(const LayerScope& layer, const std::string& key);

/// Windows along one axis: the padding at both ends, and the number of windows.
struct Windows {
    /// Elements added before the first and after the last.
    int64_t begin = 0, end = 0;
    int64_t count = 0;
};
/// `padding` is "valid" (none), "same" (as TensorFlow: ceil(size / stride) windows, an odd element
/// is added at the end) or "causal" (all of it at the start, so that a window ends at its own
/// element). `span` is the number of elements from a window's first to its last. `count` is 0 when
/// it exceeds the unpadded size.
Windows windows_along(int64_t size, int64_t span, int64_t stride, const std::string& padding);

}  // namespace gmc::lower
