// Computes the training steps in shards: fixed parts of the batch, which any number of processes
// can share without changing a bit.
//
// Why: who outgrows one machine trains on several. What a step computes must not depend on how
// many there are, or no run could be repeated, or resumed elsewhere.
// How: the batch is cut into V shards of equal size. What is computed for each example goes into
// the body of a scan over the shards; a sum over the examples becomes a sum in each shard. The scan
// adds up those of its shards as a binary tree, which `all_reduce` completes over the processes.
// What needs such a sum for each example (batch norm needs the mean) waits for it in a second scan,
// and so on. What is the same for all examples, such as the optimizer, is computed once, outside.
// So a shard is computed in the same way, with kernels for the same sizes, whichever process does
// it: K processes run about V/K passes of each scan (process_share.h).
// Random numbers depend on the number of the pass, which is that of the shard.
// Runs when the module says `compile {shards=V}`, on the functions of the schedule.
// Why here: after the algebra, which sees through the sums of a batch; before the passes that
// choose loops and places, which treat bodies like functions.
// What couples examples by more than sums over all of them (whole_batch.h) stands outside as well:
// it is computed for the whole batch, from what `all_gather` puts together of the shards of all
// processes. Shards take their rows of what comes out.
// Requires: no `gradient`, no `fused`. Ensures: running it again changes nothing.
//
//     func @step(%x: f32[8,3] = data.x) {        body @step.shards.0(%x: f32[2,3] = element,
//       %h = matmul %x, @w : f32[8,5]                                %w: f32[3,5] = captured) {
//       %g = matmul %x, %h                 ->      %h = matmul %x, %w : f32[2,5]
//            {transpose_a=true} : f32[3,5]         %g = matmul %x, %h {transpose_a=true} : f32[3,5]
//       update @w = %g                             result g = %g
//     }                                          }
//                                                func @step(%x: f32[8,3] = data.x) {
//                                                  %x.1 = reshape %x : f32[4,2,3]
//                                                  %g = scan %x.1, @w {body="step.shards.0", count=4,
//                                                                      shards=4, sums=1} : f32[3,5]
//                                                  %g.1 = all_reduce %g {shards=4} : f32[3,5]
//                                                  update @w = %g.1
//                                                }
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::passes {

/// True = changed. Warns where a network is computed for the whole batch (kNotPerExample). Errors:
/// kNotPerExample where an input has no row per example, which inputs of models have.
Result<bool> distribute(ir::Module& module, Diagnostics& diagnostics);

}  // namespace gmc::passes
