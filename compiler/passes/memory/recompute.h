// Computes values a second time where keeping them would need more memory than allowed.
//
// Why here: after order_operations, in whose order it is seen what is alive at once; before
// plan_memory, which places what is left.
// How: while a function is over the limit, it looks at what is alive, but not used, where most is
// alive. The operation that makes such a value is repeated before the value's next use, so that it
// need not be kept until then. Loops are repeated first, contractions only when loops are not
// enough; of several, the one that saves most for its work.
// Requires: `compile {memory_limit=BYTES}`; without it nothing is done.
// Ensures: every function fits, or an error says what the least is. Results are the same to the
// bit: ops are pure, random ones too.
//
//     %a = exp %x : f32[512]                        %a = exp %x : f32[512]
//     %b = matmul ...                               %b = matmul ...
//     %c = mul %a, %b : f32[512]             ->     %a.1 = exp %x : f32[512]
//                                                   %c = mul %a.1, %b : f32[512]
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::passes {

/// True = changed. Error: kTooLarge.
Result<bool> recompute(ir::Module& module, Diagnostics& diagnostics);

}  // namespace gmc::passes
