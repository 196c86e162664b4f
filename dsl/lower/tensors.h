// Tensors outside of networks: the entries of `parameters`, which training moves by gradients, and
// of `state`, which it replaces.
#pragma once

#include "dsl/lower/evaluate.h"

namespace gmc::lower {

/// The current value of a parameter, which is declared on first use.
Evaluated parameter_value(FunctionScope& f, const dsl::NetworkSpec& parameter);
/// The current value of a state, which is declared on first use: [...], or [N, ...] where there is
/// one per example.
Evaluated state_value(FunctionScope& f, const dsl::StateSpec& state);

/// The states of the model and what they become in a step.
using NewStates = std::vector<std::pair<ir::StateId, ir::ValueId>>;
/// Computes them. All updates see the values from before the step. Nothing after an error.
std::optional<NewStates> new_states(Evaluator& e);

}  // namespace gmc::lower
