// Computes equal things once: common subexpression elimination.
//
// Why here: objectives are written as expressions in which `encoder(image)` occurs several times,
// and differentiation emits the same derivative for several uses. Run until nothing changes, as
// each merge can make later ops equal.
// Requires: nothing. Ensures: no two ops of a function have the same op, attributes, operands and
// type. Random ops are pure functions of (seed, call, stream, index), so two with one stream and
// shape are the same value; operands of commutative ops count in any order.
//
//     %a = mul %x, %y : f32[4]
//     %b = mul %y, %x : f32[4]           %a = mul %x, %y : f32[4]
//     %c = add %a, %b : f32[4]     ->    %c = add %a, %a : f32[4]
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::passes {

/// True = changed.
Result<bool> cse(ir::Module& module, Diagnostics& diagnostics);

}  // namespace gmc::passes
