// Computes what is known at compile time, and drops arithmetic with neutral numbers.
//
// Why here: first of the rewriting passes. Differentiation multiplies by ones and zeros, and
// expressions such as `0.5 * (1 + x)` leave constants that can be joined.
// Requires: nothing. Ensures: no op has constants only; constants stand second in commutative ops.
// Joined constants may round differently by a unit in the last place. One rule goes further: a
// product with the constant 0 becomes 0, though for an infinite or NaN x it would be NaN. What a
// model multiplies by a constant 0 is meant to be absent (a term with weight 0, the gradient of a
// relu's flat side), and must not spoil the rest. The remainder by 0, a - 0 floor(a / 0), is NaN.
//
//     %two = constant {value=2} : f32[4]
//     %a = mul %x, %two : f32[4]
//     %b = mul %a, %two : f32[4]           %four = constant {value=4} : f32[4]
//     %c = pow %b {exponent=2} : f32[4]    %b = mul %x, %four : f32[4]
//                                     ->   %c = mul %b, %b : f32[4]
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::passes {

/// True = changed.
Result<bool> fold_constants(ir::Module& module, Diagnostics& diagnostics);

}  // namespace gmc::passes
