// Orders the states so that those that are packed, or are parts of one new value, are neighbours in
// memory.
//
// Why here: before order_operations, which counts what such packs and parts cost: nothing, when
// their states are neighbours.
// How: a pack of states, and a value whose slices become states, wants its states to lie one behind
// the other. Larger wishes come first; a wish that contradicts those stays unfulfilled, and costs a
// copy. A chain of neighbours stands where the first of its states stood.
// Requires: nothing. Ensures: the same states; only their order, and so their numbers, change.
//
//     state @dense.weight : f32[4,8] ...         state @dense.weight : f32[4,8] ...
//     state @norm.mean : f32[8] ...              state @dense.bias : f32[8] ...
//     state @dense.bias : f32[8] ...       ->    state @norm.mean : f32[8] ...
//     %p = pack @dense.weight, @dense.bias       %p = pack @dense.weight, @dense.bias
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::passes {

/// True = changed.
Result<bool> order_states(ir::Module& module, Diagnostics& diagnostics);

}  // namespace gmc::passes
