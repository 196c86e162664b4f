// What the operations of a module show of the way in which training updates each parameter: whether
// it can stand still for another reason than that its gradient is 0.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "compiler/ir/module.h"

namespace gmc::runtime {

/// Packed updates, by function and value.
using UpdateGroups = std::set<std::pair<const ir::Function*, ir::ValueId>>;

struct ParameterUpdate {
    /// It becomes what it was: its learning rate is the number 0.
    bool rests = false;
    /// Nothing that changes from step to step, such as a schedule, has part in it but gradients and
    /// slots.
    bool has_fixed_rate = false;
    /// `step` or `epoch` have part in its gradient, so that this may be 0 for a while.
    bool has_scheduled_gradient = false;
    /// The limit that `clip_weights` holds its numbers at; NaN for one that changes.
    std::optional<float> bound;
    /// Those that it is a part of. Parameters in the same ones have the same learning rate.
    UpdateGroups groups;
};

/// Of the parameters that a function of every step updates.
std::map<ir::StateId, ParameterUpdate> parameter_updates(const ir::Module& module);

/// The losses and metrics of training steps that `step` or `epoch` have part in.
std::set<std::string> scheduled_figures(const ir::Module& module);

}  // namespace gmc::runtime
