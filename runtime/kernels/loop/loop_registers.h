// Assigns memory to the tiles between actions: two tiles share a register when one is not needed
// any more before the other is made.
#pragma once

#include "runtime/kernels/loop/loop_plan.h"

namespace gmc::runtime {

/// Index of the last tile action that reads `cell`; -1 for none.
int last_use(const LoopPlan& plan, int cell);

/// Index of the tile action that computes `cell` by a tile function or copies windows to it; -1 for
/// none.
int producer(const LoopPlan& plan, int cell);

/// Gives the cells that tile actions compute into registers: a register is free as soon as its tile
/// has been read for the last time. The action that reads it then may already put its result there,
/// unless the result's elements are larger. Few registers keep the loop in the first-level cache.
void assign_registers(LoopPlan& plan);

}  // namespace gmc::runtime
