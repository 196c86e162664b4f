// Layers that join, name or cut results of other layers; rows of layer_builders().
#pragma once

#include "dsl/lower/layers/layers.h"

namespace gmc::lower {

/// Joins the inputs along `axis` of the example; all other sizes have to be equal.
ir::ValueId concat(LayerScope& l);
/// Element by element. Shapes of examples broadcast as in NumPy: they are aligned at the last axis;
/// sizes of 1 and missing leading axes repeat.
ir::ValueId add(LayerScope& l);
ir::ValueId multiply(LayerScope& l);
ir::ValueId subtract(LayerScope& l);
ir::ValueId identity(LayerScope& l);
/// Axis i of the result is axis axes[i] of the input.
ir::ValueId permute(LayerScope& l);
/// Takes positions start, start + step, ... below stop along `axis`; negative ones count from the
/// end.
ir::ValueId slice(LayerScope& l);

}  // namespace gmc::lower
