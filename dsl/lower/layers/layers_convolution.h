// Convolutions over one and two spatial axes, and their transposes; rows of layer_builders().
#pragma once

#include "dsl/lower/layers/layers.h"

namespace gmc::lower {

ir::ValueId conv1d(LayerScope& layer);
ir::ValueId conv2d(LayerScope& layer);
ir::ValueId conv1d_transpose(LayerScope& layer);
ir::ValueId conv2d_transpose(LayerScope& layer);

}  // namespace gmc::lower
