// Optimizers as ops: parameters and gradients in, new parameters and slots out.
#pragma once

#include <string>
#include <vector>

#include "dsl/lower/evaluate.h"

namespace gmc::lower {

/// Parameters that are updated in one loop: all of an entry, but for networks that several entries
/// of one function train, which are groups of their own, so that what one update leaves is what the
/// next takes.
struct ParameterGroup {
    std::vector<std::string> networks;
    std::vector<ir::StateId> parameters;
    std::vector<ir::ValueId> gradients;
};

/// Emits one update of the parameters by their gradients and makes the new values current in the
/// function. Slots are states `optimizer.ENTRY.SLOT`, or `optimizer.ENTRY.NETWORK.SLOT` where there
/// are several groups, with the first network of the group. The kinds are those of optimizer_rules,
/// and around each, in this order, as in Keras where Keras has them:
///   clip_value        g <- min(max(g, -c), c)
///   clip_norm         g <- g c / max(|g|, c), |g| the norm of one parameter's gradient
///   global_clip_norm  the same with the norm of all gradients of the entry
///   weight_decay      p <- p - learning_rate weight_decay p, before the rule (decoupled:
///                     Loshchilov and Hutter 2017)
///   clip_weights      p <- min(max(p, -c), c), after the rule (Arjovsky et al. 2017)
/// False after an error in a hyperparameter.
bool apply_optimizer(Evaluator& e, const dsl::OptimizerSpec& spec, const std::string& entry,
                     const std::vector<ParameterGroup>& groups);

}  // namespace gmc::lower
