// Which operations of a training step are computed for the whole batch, and not for a shard.
//
// Why: a loss may couple examples by more than sums over them, such as products of each with each.
// These operations stand outside of the shards (distribute.h). Every process computes them, alike,
// from what `all_gather` makes of the shards; of what they give, each shard takes its rows.
#pragma once

#include "compiler/batch/batch_axis.h"
#include "compiler/support/diagnostic.h"

namespace gmc {

/// Where the examples of a step lie, and what is computed for the whole batch.
struct ShardedStep {
    BatchAxes axes;
    WholeValues whole;
    bool is_whole(const ir::Operation& op) const { return whole[op.result()]; }
};

/// An operation is computed for the whole batch where it has to be, or where that costs less than
/// to send what it gives. Where the step has an input without a row per example, `axes.why` says
/// so, and the rest is void. Networks are in the shards: a warning says where they cannot be.
ShardedStep shard_step(const ir::Module& module, const ir::Function& function,
                       Diagnostics& diagnostics);

}  // namespace gmc
