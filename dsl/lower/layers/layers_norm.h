// Normalisations of single examples, rows of layer_builders(), and of weights.
#pragma once

#include "dsl/lower/layers/layers.h"

namespace gmc::lower {

// gamma (x - mean) / sqrt(variance + epsilon) + beta, gamma and beta [C] per channel, the variance
// biased and taken about the mean; the same in training and outside of it.

/// Ba et al. 2016: moments over the last axis.
ir::ValueId layer_norm(LayerScope& l);
/// Wu and He 2018: moments over all positions and the channels of a group.
ir::ValueId group_norm(LayerScope& l);
/// Ulyanov et al. 2016: moments over all positions, per channel.
ir::ValueId instance_norm(LayerScope& l);

/// Miyato et al. 2018, as PyTorch's parametrizations.spectral_norm: weights / sigma, sigma = u^T W
/// v with the weights as a matrix W [outputs, all else]. States `u` [outputs] and `v` [all else]
/// are of unit length; a training step moves them by one power iteration, u = W v / |W v|, v = W^T
/// u / |W^T u|, through which no gradient flows. The outputs are the last axis, of transposed
/// convolutions the last but one (with groups: the outputs of one).
ir::ValueId spectral_norm(LayerScope& l, ir::ValueId weights);

}  // namespace gmc::lower
