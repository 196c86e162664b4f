// Takes a factor per example out of contractions where two contractions become equal by that.
//
// Why here: with the algebra, before cse. Two losses of one discriminator output differ in their
// derivative by each logit; from there back through the network they are multiplied by the same
// weights and masks. Contractions are linear in each example: c(s x) = s c(x) for a number s per
// example. So both gradients are multiples of one chain, and a simultaneous step goes back through
// the discriminator once.
// How: each value is written as per-example factors times a rest, through products, sums and
// selections of equal factors, reshapes and contractions. Contractions with the same rest and at
// least one factor each are computed once without their factors.
// Requires: nothing. Ensures: the same values, but for rounding: products are taken in another
// order.
//
//     %a = mul %x, %s : f32[8,4]  (%s, %t: broadcasts      %1 = matmul %x, @w : f32[8,2]
//     %b = mul %x, %t : f32[8,4]   of one per example)     %c = mul %1, %s2 : f32[8,2]
//     %c = matmul %a, @w : f32[8,2]                  ->    %d = mul %1, %t2 : f32[8,2]
//     %d = matmul %b, @w : f32[8,2]
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::passes {

/// True = changed.
Result<bool> factor_examples(ir::Module& module, Diagnostics& diagnostics);

}  // namespace gmc::passes
