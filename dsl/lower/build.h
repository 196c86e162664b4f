// From a checked model to an IR module: states, training functions, the user's functions,
// data and training.
//
// Enters: dsl::ModelSpec. Leaves: a module whose losses are `gradient` ops yet (pass differentiate
// expands them). All errors about meaning are made here: shapes, names, losses.
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "dsl/spec.h"

namespace gmc::lower {

/// Functions made, in this order:
///   step            one training step (all entries of `minimize`), or step_NAME per entry
///                   when one has `repeat`
///   evaluate        every loss and metric without training, over examples where input `valid` is 1
///   <user's>        `functions` of the objective: sample, reconstruct, ...
/// The leading axis of every batch is train.batch_size.
Result<ir::Module> build_module(const dsl::ModelSpec& spec, Diagnostics& diagnostics);

}  // namespace gmc::lower
