// Keeps parameters in bf16, as contractions read them, from one call to the next: states of their
// own, which the update of the parameter writes.
//
// Why here: after lower_precision, whose casts it replaces; before fuse_elementwise, which puts the
// new casts into the optimizer's loop: that loop has the new numbers at hand, and the next step
// need not read them again.
// How: a parameter that a function reads as bf16 and updates gets a copy. So do the parameters that
// are updated with it as parts of one value, since one loop can cast all of that value. All
// functions then read the copies.
// Requires: no `fused`.
// Ensures: a function that updates a parameter updates its copy.
//
//     %w.bf16 = cast @w : bf16[2,4]                  %y = matmul %x, @w.bf16 : bf16[8,4]
//     %y = matmul %x, %w.bf16 : bf16[8,4]     ->     ...
//     ...                                            %new.bf16 = cast %new : bf16[2,4]
//     update @w = %new                               update @w = %new
//                                                    update @w.bf16 = %new.bf16
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::passes {

/// True = changed.
Result<bool> keep_copies(ir::Module& module, Diagnostics& diagnostics);

}  // namespace gmc::passes
