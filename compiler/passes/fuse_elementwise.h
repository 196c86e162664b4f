// Groups element-wise ops, broadcasts, generators and reductions over one iteration space into
// `fused` ops: one loop over memory each.
//
// Slices and pads that only loops read become part of these: they read pieces of rows.
//
// Why here: after the algebra (each op removed is one less to place), before plan_memory (values
// inside a loop need no memory).
// How: some values must be stored in memory whatever the loops are: what contractions make or read,
// results of functions, reductions. Each loop computes some stored values over one space (its
// roots) from others. Everything between is computed inside the loop, and again in another loop
// that needs it, when that is cheaper than a trip through memory: dropout's mask is drawn anew in
// the backward loop, and a ReLU is computed again from the convolution's output. What is too costly
// to compute again is stored too. Roots at one depth of the graph that read a common tensor share a
// loop, so a bias gradient comes with the activation's gradient. loop_grouping decides all this.
// Requires: no `gradient`. Ensures: the operations are in dependency order; every `fused` has a
// body of two ops or more.
//
//     %h = add %conv, %b : f32[8,4]              %y = fused %conv, @bias {space=[8,4]} {
//     %y = leaky_relu %h : f32[8,4]       ->       %h = add %conv, %b : f32[8,4]
//     %z = matmul %y, @w : f32[8,2]                %y = leaky_relu %h : f32[8,4]
//                                                }
#pragma once

#include <string>
#include <vector>

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::passes {

/// True = changed.
Result<bool> fuse_elementwise(ir::Module& module, Diagnostics& diagnostics);

/// A tensor that goes through memory from a loop to another operation: what was not fused.
struct StoredTensor {
    const ir::Function* function;
    const ir::Operation* maker;  ///< of the module as it was
    std::string reason;          ///< "read by conv %x", ...
};
/// What fuse_elementwise stores of `module` between loops, and between loops and other operations,
/// in program order. Numbers (f32[]) are left out: they cost nothing.
std::vector<StoredTensor> stored_tensors(const ir::Module& module);

}  // namespace gmc::passes
