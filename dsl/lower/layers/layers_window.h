// Layers without weights that look at neighbouring elements: pooling, up-sampling, blocks as
// channels, borders. All are composed of slices, broadcasts and element-wise ops; rows of
// layer_builders().
#pragma once

#include "dsl/lower/layers/layers.h"

namespace gmc::lower {

// layers_pooling.cpp
ir::ValueId max_pooling1d(LayerScope& layer);
ir::ValueId max_pooling2d(LayerScope& layer);
ir::ValueId max_pooling3d(LayerScope& layer);
ir::ValueId average_pooling1d(LayerScope& layer);
ir::ValueId average_pooling2d(LayerScope& layer);
ir::ValueId average_pooling3d(LayerScope& layer);
ir::ValueId global_average_pooling(LayerScope& layer);
ir::ValueId global_max_pooling(LayerScope& layer);

// layers_resize.cpp
ir::ValueId up_sampling1d(LayerScope& layer);
ir::ValueId up_sampling2d(LayerScope& layer);
ir::ValueId up_sampling3d(LayerScope& layer);
/// [H, W, r s C] -> [H r, W s, C] and back: channel (i s + j) C + c of a position is channel c of
/// the pixel (i, j) of its block.
ir::ValueId depth_to_space(LayerScope& layer);
ir::ValueId space_to_depth(LayerScope& layer);
ir::ValueId pad(LayerScope& layer);
ir::ValueId crop(LayerScope& layer);

}  // namespace gmc::lower
