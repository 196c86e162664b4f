// Convolutions over one to three spatial axes, and their transposes; rows of layer_builders().
#pragma once

#include "dsl/lower/layers/layers.h"

namespace gmc::lower {

ir::ValueId conv1d(LayerScope& layer);
ir::ValueId conv2d(LayerScope& layer);
ir::ValueId conv3d(LayerScope& layer);
ir::ValueId conv1d_transpose(LayerScope& layer);
ir::ValueId conv2d_transpose(LayerScope& layer);
ir::ValueId conv3d_transpose(LayerScope& layer);
/// Of two inputs: what is convolved, and the weights.
ir::ValueId convolve(LayerScope& layer);
ir::ValueId convolve_transpose(LayerScope& layer);

}  // namespace gmc::lower
