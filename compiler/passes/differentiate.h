// Replaces every `gradient` op by the ops that compute it: reverse-mode differentiation as a
// rewrite.
//
// Why here: first of all passes, so that everything after sees ordinary ops only.
// Requires: nothing. Ensures: no `gradient` op is left. A gradient inside what another gradient
// differentiates comes earlier in the function and is expanded first, so derivatives of any order
// work. A scan becomes two (differentiate_scan.h). An operand that f does not depend on gets zeros:
// whether that is a mistake is for dsl/lower to say.
//
//     %y = tanh %x : f32[4]                      %y = tanh %x : f32[4]
//     %f = reduce_sum %y {axes=[0]} : f32[]      %1 = broadcast %one : f32[4]
//     %g = gradient %f, %x : f32[4]         ->   %g = mul %1, (1 - y^2)
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::passes {

/// True = changed.
Result<bool> differentiate(ir::Module& module, Diagnostics& diagnostics);

}  // namespace gmc::passes
