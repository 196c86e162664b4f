// Joins arithmetic actions of a loop plan into one, which runs as machine code of its own.
#pragma once

#include "runtime/kernels/loop/loop_plan.h"

namespace gmc::runtime {

/// Joins arithmetic actions (joined_tile.h), as many as there are registers for: loops over tiles
/// in the first-level cache are bound by its loads and stores. Other actions move before or behind
/// them where that gives longer groups. Results stay the same to the bit. After results have their
/// places, before registers are assigned.
void join_actions(LoopPlan& plan);

}  // namespace gmc::runtime
