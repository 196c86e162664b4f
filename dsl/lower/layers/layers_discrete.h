// Layers of labels and of codebooks, rows of layer_builders().
#pragma once

#include "dsl/lower/layers/layers.h"

namespace gmc::lower {

/// [...] -> [..., classes].
ir::ValueId one_hot(LayerScope& l);
/// [...] -> [..., units]; parameter `weight` [classes, units].
ir::ValueId embedding(LayerScope& l);
/// van den Oord et al. 2017: [..., D] -> [..., D], the nearest row of the parameter `codebook`
/// [codes, D] with the gradient of the identity. Further results: `nearest`, the same numbers with
/// their gradient to the codebook and none to the input, and `index` [...], without a gradient.
ir::ValueId vector_quantize(LayerScope& l);

}  // namespace gmc::lower
