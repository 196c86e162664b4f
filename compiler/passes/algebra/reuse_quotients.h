// Reads e^x as q d behind the quotient q = e^x / d: a softmax then keeps q alone for its gradient.
//
// Why here: after the algebra, in which it would only hide that values are equal; before the loops,
// which compute e^x again wherever it is read, and so keep x in memory next to q.
// How: each op behind the quotient that reads the exponential reads q d instead. A product costs
// less than an exponential.
// Requires: nothing. Ensures: the same values but for rounding.
//
//     %e = exp %x : f32[8,4]                %e = exp %x : f32[8,4]
//     %q = div %e, %d : f32[8,4]            %q = div %e, %d : f32[8,4]
//     ...                                   ...
//     %y = mul %g, %e : f32[8,4]      ->    %0 = mul %q, %d : f32[8,4]
//                                           %y = mul %g, %0 : f32[8,4]
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::passes {

/// True = changed.
Result<bool> reuse_quotients(ir::Module& module, Diagnostics& diagnostics);

}  // namespace gmc::passes
