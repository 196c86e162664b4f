// Computes contractions in bf16: their operands are cast to it, and results that are activations or
// gradients of activations are kept in it.
//
// Why here: after the algebra, which knows f32 only; before fuse_elementwise, whose loops then load
// and store the bf16. Runs when the module says `compile {precision=bf16}`. How: what reads a
// value that has a bf16 copy reads that copy, widened, so that only the copy need be in memory. Ops
// that move elements move the copy; `concat` does when a contraction reads it and some operand has
// a copy. f32 stay: inputs; states, and what is made of nothing else (the singular values of
// spectral normalisation, contractions among them); what an update or a result of the function is
// made of without a contraction or a reduction in between (weight gradients, so optimizers sum in
// f32; logits that are returned); everything else that no contraction reads or makes, so
// reductions, losses and statistics. Sums inside contractions are f32. Requires: no `gradient`, no
// `fused`. Ensures: operands of contractions are bf16. Running it again changes nothing.
//
//     %y = matmul %x, @w : f32[8,4]          %x.bf16 = cast %x : bf16[8,2]
//     %h = tanh %y : f32[8,4]          ->    %w.bf16 = cast @w : bf16[2,4]
//                                            %y.bf16 = matmul %x.bf16, %w.bf16 : bf16[8,4]
//                                            %y.f32 = cast %y.bf16 : f32[8,4]
//                                            %h = tanh %y.f32 : f32[8,4]
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::passes {

/// True = changed.
Result<bool> lower_precision(ir::Module& module, Diagnostics& diagnostics);

}  // namespace gmc::passes
