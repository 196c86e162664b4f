// Optimizers as ops: parameters and gradients in, new parameters and slots out.
#pragma once

#include <string>
#include <vector>

#include "compiler/build/evaluate.h"

namespace gmc::build {

/// Emits one update of `parameters` by their `gradients` and makes the new values current in the
/// function. Slots are states `optimizer.ENTRY...`. The kinds are those of optimizer_rules, and
/// around each, in this order, as in Keras where Keras has them:
///   clip_value        g <- min(max(g, -c), c)
///   clip_norm         g <- g c / max(|g|, c), |g| the norm of one parameter's gradient
///   global_clip_norm  the same with the norm of all gradients of the entry
///   weight_decay      p <- p - learning_rate weight_decay p, before the rule (decoupled:
///                     Loshchilov and Hutter 2017)
///   clip_weights      p <- min(max(p, -c), c), after the rule (Arjovsky et al. 2017)
/// False after an error in a hyperparameter.
bool apply_optimizer(Evaluator& e, const dsl::OptimizerSpec& spec, const std::string& entry,
                     const std::vector<ir::StateId>& parameters,
                     const std::vector<ir::ValueId>& gradients);

}  // namespace gmc::build
