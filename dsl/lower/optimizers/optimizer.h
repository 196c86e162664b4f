// Optimizers as ops. Enter: parameters and their gradients. Leave: new values of the parameters and
// of the optimizer's slots.
#pragma once

#include <string>
#include <vector>

#include "dsl/lower/evaluate.h"

namespace gmc::lower {

/// Parameters that are updated together, as one packed tensor. These are all parameters of an
/// entry, except that a network trained by several entries of one function is a group of its own.
/// So the packed tensor that one entry's update writes is the one that the next entry's update
/// reads.
struct ParameterGroup {
    std::vector<std::string> networks;
    std::vector<ir::StateId> parameters;
    std::vector<ir::ValueId> gradients;
};

/// Emits one update of the parameters by their gradients, and makes the new values current in the
/// function. Slots are states `optimizer.ENTRY.SLOT.PARAMETER`. The rules are in optimizer_rules.
/// Around each, the following are applied in this order, as in Keras where Keras has them:
///    clip_value        g <- min(max(g, -c), c)
///    clip_norm         g <- g c / max(|g|, c), |g| the norm of one parameter's gradient
///    global_clip_norm  the same with the norm of all gradients of the entry
///    weight_decay      p <- p - learning_rate weight_decay p, before the rule (decoupled:
///                      Loshchilov and Hutter 2017)
///    clip_weights      p <- min(max(p, -c), c), after the rule (Arjovsky et al. 2017)
/// False after an error in a hyperparameter.
bool apply_optimizer(Evaluator& e, const dsl::OptimizerSpec& spec, const std::string& entry,
                     const std::vector<ParameterGroup>& groups);

}  // namespace gmc::lower
