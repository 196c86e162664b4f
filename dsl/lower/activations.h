// The activations: one table for layers (`- gelu`), the key `activation: gelu` and functions of
// expressions (`gelu(x)`). All are composed of smooth ops where the formula is smooth, so they can
// be differentiated twice.
#pragma once

#include <map>
#include <string>

#include "dsl/lower/layers/layers.h"

namespace gmc::lower {

using Activation = ir::ValueId (*)(ir::Builder& b, ir::ValueId x);

/// By the dsl's words, with their default slopes; x and the result have one shape. Those with
/// trained numbers, as `prelu`, are not among them.
const std::map<std::string, Activation>& activations();

/// x where x > 0, else alpha (e^x - 1); Clevert et al. 2016.
ir::ValueId elu(ir::Builder& b, ir::ValueId x, double alpha);
/// x - log(sum(exp(x))) over one axis, with the maximum taken out first.
ir::ValueId log_softmax(ir::Builder& b, ir::ValueId x, int64_t axis);

/// x through the activation of this name, whatever layer it stands at: `prelu` declares its slopes
/// there. kNone after an error.
ir::ValueId apply_activation(LayerScope& layer, const std::string& word, ir::ValueId x);

/// Layers that are an activation.
ir::ValueId activation_layer(LayerScope& layer);
ir::ValueId elu_layer(LayerScope& layer);
ir::ValueId leaky_relu_layer(LayerScope& layer);
ir::ValueId prelu_layer(LayerScope& layer);

}  // namespace gmc::lower
