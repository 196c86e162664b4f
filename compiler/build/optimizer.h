// Optimizers as ops: parameters and gradients in, new parameters and slots out.
#pragma once

#include <string>
#include <vector>

#include "compiler/build/evaluate.h"

namespace gmc::build {

/// Emits one update of `parameters` by their `gradients` and makes the new values current in the
/// function. Slots are states `optimizer.ENTRY...`. Kinds: adam (Kingma and Ba 2015, in Keras'
/// form), sgd with momentum and Nesterov. False after an error in a hyperparameter.
bool apply_optimizer(Evaluator& e, const dsl::OptimizerSpec& spec, const std::string& entry,
                     const std::vector<ir::StateId>& parameters,
                     const std::vector<ir::ValueId>& gradients);

}  // namespace gmc::build
