// Layers of labels and of codebooks; rows of layer_builders().
#pragma once

#include "dsl/lower/layers/layers.h"

namespace gmc::lower {

/// Labels [...] -> one-hot codes [..., classes].
ir::ValueId one_hot(LayerScope& l);
/// Labels [...] -> vectors [..., units]; parameter `weight` [classes, units].
ir::ValueId embedding(LayerScope& l);
/// van den Oord et al. 2017: [..., D] -> [..., D]. Each vector is replaced by the nearest row of
/// the parameter `codebook` [codes, D]; the gradient passes as through the identity. Further
/// results: `nearest`, the same numbers with a gradient to the codebook and none to the input, and
/// the rows' numbers `index` [...], without a gradient.
ir::ValueId vector_quantize(LayerScope& l);

}  // namespace gmc::lower
