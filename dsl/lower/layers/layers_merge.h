// Layers that join, name and cut what other layers gave, rows of layer_builders().
#pragma once

#include "dsl/lower/layers/layers.h"

namespace gmc::lower {

/// Along `axis` of the example; all other sizes must be equal.
ir::ValueId concat(LayerScope& l);
/// Element by element. Shapes of examples meet as in NumPy: aligned at the last axis, sizes of 1
/// and missing leading axes repeat.
ir::ValueId add(LayerScope& l);
ir::ValueId multiply(LayerScope& l);
ir::ValueId subtract(LayerScope& l);
ir::ValueId identity(LayerScope& l);
/// Axis i of the result is axis axes[i] of the input.
ir::ValueId permute(LayerScope& l);
/// Positions start, start + step, ... below stop along `axis`; negative ones count from the end.
ir::ValueId slice(LayerScope& l);

}  // namespace gmc::lower
