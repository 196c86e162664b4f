// Normalisation of single examples (rows of layer_builders()), and of weights.
#pragma once

#include "dsl/lower/layers/layers.h"

namespace gmc::lower {

// The first three compute gamma (x - mean) / sqrt(variance + epsilon) + beta, with gamma and beta
// [C] per channel and the biased variance. They do the same in training and outside of it.

/// Ba et al. 2016: moments over the last axis.
ir::ValueId layer_norm(LayerScope& l);
/// Wu and He 2018: moments over all positions and the channels of a group.
ir::ValueId group_norm(LayerScope& l);
/// Ulyanov et al. 2016: moments over all positions, per channel.
ir::ValueId instance_norm(LayerScope& l);

/// Miyato et al. 2018, as in PyTorch's parametrizations.spectral_norm: weights / sigma, where sigma
/// = u^T W v and W [outputs, all else] is the weights as a matrix. The states `u` [outputs] and `v`
/// [all else] have unit length. A training step moves them by one power iteration, u = W v / |W v|,
/// v = W^T u / |W^T u|, through which no gradient flows. The outputs are the last axis; in a
/// transposed convolution they are the last but one (with groups: the outputs of one group).
ir::ValueId spectral_norm(LayerScope& l, ir::ValueId weights);

}  // namespace gmc::lower
