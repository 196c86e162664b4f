// Orders the operations so that less memory is needed at once.
//
// Why here: after fuse_elementwise, which leaves operations where their last operand is made;
// before plan_memory, which needs their final order.
// How: several orders are tried, each built one operation after the other, from the start or from
// the end, always taking what adds least to the memory in use. The one that packs into the smallest
// arena is kept, and the order that is there when none is better by a hundredth: it is the model's,
// and operands are still in the caches.
// A state is read before the operation that writes over it where it was so before.
// Requires: operations in dependency order. Ensures: the same.
//
//     %a = exp %x : f32[512]                        %a = exp %x : f32[512]
//     %b = matmul %x, @w : f32[512]          ->     %r = reduce_sum %a {axes=[0]} : f32[]
//     %r = reduce_sum %a {axes=[0]} : f32[]         %b = matmul %x, @w : f32[512]
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::passes {

/// True = changed.
Result<bool> order_operations(ir::Module& module, Diagnostics& diagnostics);

}  // namespace gmc::passes
