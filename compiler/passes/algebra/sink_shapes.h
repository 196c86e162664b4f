// Moves broadcasts and reshapes behind element-wise ops: f(broadcast(x)) = broadcast(f(x)). Moves
// slices before them: slice(f(x)) = f(slice(x)).
//
// Why here: with simplify. What was repeated is computed once instead of once per element, and
// factor_sums sees what does not vary. A reshape between two element-wise ops would keep them from
// running in one loop, so it moves behind the second one when nothing else reads the first. A
// reshape of what a matmul or conv made stays where it is: there is no loop to join. Slices move
// where nothing else reads f, such as the gates of a recurrent layer: f then runs in the loops that
// read the slices, and nothing stores it as a whole.
// Requires: nothing. Ensures: no element-wise op whose operands are all broadcasts or constants.
//
//     %b = broadcast %v {dims=[1]} : f32[8,4]         %1 = sqrt %v : f32[4]
//     %r = sqrt %b : f32[8,4]                   ->    %r = broadcast %1 {dims=[1]} : f32[8,4]
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::passes {

/// True = changed.
Result<bool> sink_shapes(ir::Module& module, Diagnostics& diagnostics);

}  // namespace gmc::passes
