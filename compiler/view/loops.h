// A module as its steps: one short line per loop over memory, contraction or copy, with what it
// reads and leaves in memory. What fusion made of a model, at a glance and for tests.
#pragma once

#include <string>

#include "compiler/ir/module.h"

namespace gmc::view {

/// Per function a line with counts, then one per operation (reshapes cost nothing and have none):
///
///   @step_vae: 21 loops, 24 contractions, 0 others
///     matmul [128,400]: reads %image @encoder.dense.weight; stores %encoder.dense  // x.yaml:16:9
///     loop [128,400]: reads %dy %encoder.dense; stores %dx; sums %db; updates @w; draws 1  // ...
///
/// `sums` are reductions, of any kind; `updates` is what a state will be, wherever it is written;
/// `draws` counts the random tensors made and used inside the loop.
std::string loops_text(const ir::Module& module);

}  // namespace gmc::view
