// Builds the functions of a training step, and the schedule in which the runtime calls them.
#pragma once

#include "dsl/lower/evaluate.h"

namespace gmc::lower {

/// Adds the training functions of all entries of `minimize` to the module, and its schedule. There
/// is one function `step` for all entries, unless one of them repeats or accumulates: then each has
/// a function `step_NAME` of its own, and those that accumulate an `accumulate_NAME` too, for all
/// batches of an update but the last. With `schedule: extragradient` there is an `extrapolate` for
/// the update before the step's own. A function with terms of `every` has others beside it, which
/// stand in for it in the steps that compute them: `step_every_16`. Errors are reported.
void build_training(ModuleScope& m);

/// Adds the loss and the metrics of an entry to the results of the function, but for metrics with
/// terms that the function leaves out. Gives the loss; kNone after an error.
ir::ValueId loss_and_metrics(Evaluator& e, const dsl::MinimizeSpec& entry);

}  // namespace gmc::lower
