// The activations, in one table for three uses: layers (`- gelu`), the key `activation: gelu` and
// functions of expressions (`gelu(x)`). All are composed of existing ops. Where a formula is smooth
// its ops are smooth too, so that it can be differentiated twice.
#pragma once

#include <map>
#include <string>

#include "dsl/lower/layers/layers.h"

namespace gmc::lower {

using Activation = ir::ValueId (*)(ir::Builder& b, ir::ValueId x);

/// The activations by the words of the language, with their default slopes; the result has the
/// shape of x. `prelu` and others with trained parameters are not in this table.
const std::map<std::string, Activation>& activations();

/// Clevert et al. 2016: x where x > 0, else alpha (e^x - 1).
ir::ValueId elu(ir::Builder& b, ir::ValueId x, double alpha);
/// x - log(sum(exp(x))) over one axis. The maximum is subtracted first, so that exp cannot
/// overflow.
ir::ValueId log_softmax(ir::Builder& b, ir::ValueId x, int64_t axis);
/// exp(log_softmax(x)).
ir::ValueId softmax(ir::Builder& b, ir::ValueId x, int64_t axis);

/// Applies the activation of this name to x, for any layer that has the key `activation`. `prelu`
/// declares its slopes as parameters of that layer. kNone after an error.
ir::ValueId apply_activation(LayerScope& layer, const std::string& word, ir::ValueId x);

/// Builders of layers that are an activation.
ir::ValueId activation_layer(LayerScope& layer);
ir::ValueId elu_layer(LayerScope& layer);
ir::ValueId leaky_relu_layer(LayerScope& layer);
ir::ValueId prelu_layer(LayerScope& layer);

}  // namespace gmc::lower
