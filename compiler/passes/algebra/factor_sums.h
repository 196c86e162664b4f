// Takes out of a sum what does not vary within it: sum(a x + b) = a sum(x) + n b for a and b that
// are constant along the axes summed over.
//
// Why here: with simplify, before cse. The gradient of a normalisation sums several such
// expressions; taken apart, they share the two sums that remain (of the gradient, and of the
// gradient times the normalised value), which one loop computes. Without this each sum waits for
// the one before, and every wait is one more pass over the tensor.
// Requires: nothing. Ensures: no reduce_sum of a broadcast along the axes it sums over, nor of a
// product with one. A sum of several terms is only split when the sums of its varying terms are
// computed anyway: it would gain nothing else, and sum(x - c) is more exact than sum(x) - n c. Sums
// are rounded in another order, as in any parallel sum.
//
//     %b = broadcast %s {dims=[1]} : f32[8,4]
//     %p = mul %x, %b : f32[8,4]                      %1 = reduce_sum %x {axes=[0]} : f32[4]
//     %r = reduce_sum %p {axes=[0]} : f32[4]    ->    %r = mul %1, %s : f32[4]
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::passes {

/// True = changed.
Result<bool> factor_sums(ir::Module& module, Diagnostics& diagnostics);

}  // namespace gmc::passes
