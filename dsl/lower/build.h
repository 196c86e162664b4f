// Makes an IR module of a checked model: its states, its training functions, the functions that its
// author names, and what the runtime must know of data and training.
//
// Enters: dsl::ModelSpec. Leaves: a module in which losses are differentiated by `gradient` ops,
// which the pass `differentiate` expands later. All errors that need shapes are reported here:
// shapes, names, losses.
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "dsl/spec.h"

namespace gmc::lower {

/// The functions of the module, in this order:
///    step            one training step (all entries of `minimize`), or step_NAME per entry
///                    when one of them has `repeat`
///    evaluate        all losses and metrics without training, over the examples whose input `valid`
///                    is 1
///    figures         those of them that are no means over examples, from sums over all of the data
///                    (set_figures.h); only where there are some
///    <user's>        `functions` of the objective: sample, reconstruct, ...
/// The first axis of every batch has the size train.batch_size.
Result<ir::Module> build_module(const dsl::ModelSpec& spec, Diagnostics& diagnostics);

}  // namespace gmc::lower
