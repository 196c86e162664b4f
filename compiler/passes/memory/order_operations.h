// Orders the operations so that less memory is needed at once.
//
// Why here: after fuse_elementwise, which leaves operations where their last operand is made;
// before plan_memory, which needs their final order.
// How: two orders are tried, one built from the start and one from the end, always taking the
// operation that adds least to the memory in use. The order that packs into the smallest arena is
// kept. The present order stays when none is better by a hundredth: it is the model's, in which
// operands are often still in the caches.
// Where a state is read before an operation writes over it, this stays so.
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
