// Moves a transpose of the rows of a matrix product to the side where the rows are shorter.
//
// Why here: before differentiate, so that the gradients have their rows in the same order. A loop
// over the steps of sequences goes through [T, N, F], other layers through [N, T, F]; without this,
// the three gates that a dense layer makes of a short input are transposed, and their gradients
// back. Between stacked recurrent layers no transpose is left.
// How: from the transpose backwards through element-wise ops, whose other operands are the same in
// all rows, to products; or from a product back to a transpose of its longer rows.
// Requires: nothing. Ensures: the same values. What another op reads, or a `gradient` names, of
// what lies between stays as it is: then nothing moves.
//
//     %a = reshape %x : f32[96,8]                 %0 = transpose %x {permutation=[1,0,2]}
//     %p = matmul %a, @w : f32[96,64]             %1 = reshape %0 : f32[96,8]
//     %r = reshape %p : f32[32,3,64]          ->  %2 = matmul %1, @w : f32[96,64]
//     %t = transpose %r {permutation=[1,0,2]}     %t = reshape %2 : f32[3,32,64]
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::passes {

/// True = changed.
Result<bool> move_transposes(ir::Module& module, Diagnostics& diagnostics);

}  // namespace gmc::passes
