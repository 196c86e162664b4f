// Computes contractions in bf16: their operands are cast to it, and results that are activations or
// gradients of activations are kept in it.
//
// Why here: after the algebra, which knows f32 only; before fuse_elementwise, whose loops then load
// and store the bf16. Runs when the module says `compile {precision=bf16}`.
// How: what reads a value that has a bf16 form reads that form, cast back to f32, so that only bf16
// need be in memory. Ops that move elements move the bf16; `concat` does when a contraction reads
// it and some operand has a bf16 form. Sums inside contractions are f32. These stay f32:
//   - inputs; states, and what is computed from states alone (the singular values of spectral
//     normalisation, contractions among them);
//   - what an update or a result of the function is computed from without a contraction or a
//     reduction in between (weight gradients, so optimizers sum in f32; logits that are returned);
//   - everything else that no contraction reads or makes: reductions, losses and statistics.
// Requires: no `gradient`, no `fused`.
// Ensures: operands of contractions are bf16. Running it again changes nothing.
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
