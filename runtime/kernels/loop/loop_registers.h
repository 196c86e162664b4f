// Who makes and who uses the tiles of a loop plan, and which of them may share memory.
#pragma once

#include "runtime/kernels/loop/loop_plan.h"

namespace gmc::runtime {

/// Index of the last tile step that reads `slot`; -1 for none.
int last_use(const LoopPlan& plan, int slot);

/// Index of the tile step that computes `slot` by a tile function; -1 for none.
int producer(const LoopPlan& plan, int slot);

/// Gives the slots that tile steps compute into registers: a register is taken again as soon as its
/// tile has been read for the last time, also by the step that reads it then, unless that widens
/// elements. Few registers keep the loop in the first-level cache.
void assign_registers(LoopPlan& plan);

}  // namespace gmc::runtime
