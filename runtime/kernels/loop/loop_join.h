// Joins neighbouring arithmetic actions of a loop plan into one action, which runs as machine code
// made for it.
#pragma once

#include "runtime/kernels/loop/loop_plan.h"

namespace gmc::runtime {

/// Joins as many arithmetic actions as there are registers for (joined_tile.h): loops over tiles in
/// the first-level cache are bound by the loads and stores of that cache. Other actions move before
/// or behind a group where that makes groups longer. Results stay the same to the bit. It is to be
/// called after results have their places and before registers are assigned.
void join_actions(LoopPlan& plan);

}  // namespace gmc::runtime
