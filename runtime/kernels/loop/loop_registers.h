// Assigns memory to the tiles between actions: two tiles share a register when one is not needed
// any more before the other is made.
#pragma once

#include "runtime/kernels/loop/loop_plan.h"

namespace gmc::runtime {

/// Index of the last tile action that reads `cell`; -1 for none.
int last_use(const LoopPlan& plan, int cell);

/// Index of the tile action that computes `cell` by a tile function; -1 for none.
int producer(const LoopPlan& plan, int cell);

/// Gives the cells that tile actions compute into registers: a register is taken again as soon as
/// its tile has been read for the last time, also by the action that reads it then, unless that
/// widens elements. Few registers keep the loop in the first-level cache.
void assign_registers(LoopPlan& plan);

}  // namespace gmc::runtime
