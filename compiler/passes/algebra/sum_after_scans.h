// Takes sums over the passes of a scan out of it: what passes only add up is stacked, and one
// product or sum behind the scan adds up all of it.
//
// Why here: after differentiate, whose backward scans add each pass's part of the gradient of a
// weight to the sum; with the algebra, which removes the sum's start where it is zero.
// How: a carried value that a pass reads only to add a^T b (or a sum of b over axes) to it is no
// longer carried. The scan stacks a and b instead, unless they are elements of a sequence already,
// and as many rows as all passes have are multiplied at once: one large product is faster than many
// small ones, each of which reads and writes the whole sum.
// Requires: nothing. Ensures: the same sums in another order. What is stacked takes no more memory
// than the sequences that the scan reads; nothing is done under a memory limit.
//
//     body @f.x(%d = carried, %h = element, ...) {    body @f.x(%h = element, ...) {
//       %g = ... : f32[8,4]                             %g = ... : f32[8,4]
//       %p = matmul %h, %g {transpose_a=true}           result g = %g
//       %s = add %d, %p : f32[2,4]              ->    }
//       result d = %s                                 ... %gs = scan ... : f32[9,8,4]
//     }                                               %dw = matmul %0, %1 {transpose_a=true} : f32[2,4]
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::passes {

/// True = changed.
Result<bool> sum_after_scans(ir::Module& module, Diagnostics& diagnostics);

}  // namespace gmc::passes
