// Makes one op of the ops that compute attention: softmax(scale q k^T + mask) v.
//
// Why here: before differentiate, so that the gradient is one op, too, and no tensor of all scores
// is kept for it. The kernels compute scores block by block, in memory linear in the lengths.
// How: from a product with v backwards: a softmax over the last axis, a mask that is broadcast (or
// none, or one number, which a softmax forgets), a factor that is a number, a product of q and k.
// Where q, k and v are transposed from [N, T, H, D], as heads of a dense layer are, the op reads
// them as they were; otherwise the axes before the matrices become examples of one head each.
// Requires: nothing. Ensures: the same values but for rounding. What another op reads, or a
// `gradient` names, of what lies between stays as it is: then nothing is fused.
//
//     %s = matmul %q, %k {transpose_b=true}        %0 = reshape %q : f32[8,49,1,16]
//     ... (scale, add, softmax)               ->   ...
//     %p = div %e, %sums : f32[8,49,49]            %3 = attention %0, %1, %2 {scale=0.25}
//     %y = matmul %p, %v : f32[8,49,32]            %y = reshape %3 : f32[8,49,32]
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::passes {

/// True = changed.
Result<bool> fuse_attention(ir::Module& module, Diagnostics& diagnostics);

}  // namespace gmc::passes
