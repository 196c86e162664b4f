// Steps of a loop plan that are better one step.
#pragma once

#include "runtime/kernels/loop/loop_plan.h"

namespace gmc::runtime {

/// Joins arithmetic steps (joined_tile.h), as many as there are registers for: loops over tiles in
/// the first-level cache are bound by its loads and stores. Other steps move before or behind them
/// where that gives longer groups. Results stay the same to the bit. After results have their
/// places, before registers are assigned.
void join_steps(LoopPlan& plan);

}  // namespace gmc::runtime
