// Steps of a loop plan that are better one step.
#pragma once

#include "runtime/kernels/loop_plan.h"

namespace gmc::runtime {

/// Joins a step with the only one that reads its result, where a tile function does both (tile_chain.h): most loops
/// are bound by loads and stores of the first-level cache, and this saves one of each. Results stay the same to the
/// bit. Before registers are assigned.
void join_chains(LoopPlan& plan);

}  // namespace gmc::runtime
