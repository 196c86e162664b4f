// Orders the states so that those that are packed, or are parts of one new value, are neighbours in
// memory.
//
// Why here: before order_operations, which reckons with what such packs and parts cost: nothing,
// when states lie so. How: a pack of states, and a value whose slices states become, wants each of
// its states behind the one before. Larger wishes come first; what contradicts those is left out,
// and costs a copy. Chains of states stand where their first one stood. Requires: nothing. Ensures:
// a state is the same state; only the numbers of states change.
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
