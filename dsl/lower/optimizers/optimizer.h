// Optimizers as ops. Enter: parameters and their gradients. Leave: new values of the parameters and
// of the optimizer's slots.
#pragma once

#include <string>
#include <vector>

#include "dsl/lower/evaluate.h"

namespace gmc::lower {

/// Parameters that are updated together, as one packed tensor. These are all parameters of an
/// entry, except that a network trained by several entries of one function is a group of its own,
/// as are parameters with a learning rate of their own. So the packed tensor that one entry's
/// update writes is the one that the next entry's update reads.
struct ParameterGroup {
    std::vector<std::string> networks;
    std::vector<ir::StateId> parameters;
    std::vector<ir::ValueId> gradients;
    /// Which of the optimizer's `rate_factors` holds; kNoFactor: none.
    size_t factor = kNoFactor;
    static constexpr size_t kNoFactor = static_cast<size_t>(-1);
    std::vector<bool> trainers = {};  ///< for each entry of the function, whether it trains them
};

/// What an update is made from.
struct UpdateInput {
    int64_t batches = 1;  ///< the mean of the gradients of so many
    /// Where it starts: at the parameters, which may be kept in slots; or at those kept.
    enum class Start { kHere, kHereAndKeep, kKept } start = Start::kHere;
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
///    lookahead         every k updates p <- s + share (p - s), s being p at the last such update
///                      (Zhang et al. 2019)
/// Where an update is made from several batches, g is the mean of the gradients of the last one and
/// of those that accumulate_gradients has kept. False after an error in a hyperparameter.
bool apply_optimizer(Evaluator& e, const dsl::OptimizerSpec& spec, const std::string& entry,
                     const std::vector<ParameterGroup>& groups, const UpdateInput& input);

/// Adds the gradients to sums, the slots `sum`, instead of updating the parameters.
void accumulate_gradients(Evaluator& e, const dsl::OptimizerSpec& spec, const std::string& entry,
                          const std::vector<ParameterGroup>& groups);

}  // namespace gmc::lower
