// Layers whose result is an expression of the layers before them.
#pragma once

#include "dsl/lower/layers/layers.h"

namespace gmc::lower {

/// The value of the key `expression`, in which `arguments` of the layer's spec are its inputs. Of a
/// network with several outputs, each is a further result, and the first is the result.
ir::ValueId expression_layer(LayerScope& l);

}  // namespace gmc::lower
