// Removes ops that only move elements about, or do nothing: shape ops that undo or repeat each
// other.
//
// Why here: after fold_constants, before cse. Layers, objectives and gradients each bring their own
// reshapes, broadcasts and sums, which meet where they are joined.
// Requires: nothing. Ensures: no broadcast of a broadcast, reshape of a reshape, transpose of a
// transpose, slice of a slice, pad of a pad or reduction of a reduction; no shape op that changes
// nothing; no transpose of a matmul's operand. Once no `gradient` op is left in a function, its
// stop_gradient ops have done their work and go, too.
//
//     %row = reshape %x : f32[1,4]
//     %flat = reshape %row : f32[2,2]
//     %sum = reduce_sum %flat {axes=[0,1]} : f32[]   ->   %sum = reduce_sum %x {axes=[0]} : f32[]
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::passes {

/// True = changed.
Result<bool> simplify(ir::Module& module, Diagnostics& diagnostics);

}  // namespace gmc::passes
