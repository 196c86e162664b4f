// Layers without weights that look at neighbouring elements: pooling, up-sampling, borders. All are
// composed of slices, broadcasts and element-wise ops; rows of layer_builders().
#pragma once

#include "dsl/lower/layers/layers.h"

namespace gmc::lower {

// layers_pooling.cpp
ir::ValueId max_pooling1d(LayerScope& layer);
ir::ValueId max_pooling2d(LayerScope& layer);
ir::ValueId average_pooling1d(LayerScope& layer);
ir::ValueId average_pooling2d(LayerScope& layer);
ir::ValueId global_average_pooling(LayerScope& layer);
ir::ValueId global_max_pooling(LayerScope& layer);

// layers_resize.cpp
ir::ValueId up_sampling1d(LayerScope& layer);
ir::ValueId up_sampling2d(LayerScope& layer);
ir::ValueId pad(LayerScope& layer);
ir::ValueId crop(LayerScope& layer);

}  // namespace gmc::lower
