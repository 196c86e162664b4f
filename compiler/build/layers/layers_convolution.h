// Convolutions over one and two spatial axes, and their transposes.
#pragma once

#include "compiler/build/layers/layers.h"

namespace gmc::build {

ir::ValueId conv1d(LayerScope& layer);
ir::ValueId conv2d(LayerScope& layer);
ir::ValueId conv1d_transpose(LayerScope& layer);
ir::ValueId conv2d_transpose(LayerScope& layer);

}  // namespace gmc::build
