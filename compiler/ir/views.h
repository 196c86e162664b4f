// Which slices, concats and packs need no copy: parts that lie in one piece can be looked at, or
// written, where they are.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "compiler/ir/module.h"

namespace gmc::ir {

/// Bytes from the start of the operand of the slice `op` to its result, when the result is one
/// piece of the operand: all of later axes, and one position of earlier ones.
std::optional<int64_t> view_offset(const Function& function, const Operation& op);

/// Bytes from the start of the result of the concat or pack `op` to each operand's part, when every
/// part is one piece: for a concat, axes before the one that grows have size 1. Empty otherwise.
std::vector<int64_t> part_offsets(const Function& function, const Operation& op);

/// Bytes that a tensor takes in a pack, and a state in the memory of all states.
int64_t packed_bytes(const Type& type);

/// Where state `id` lies in the memory of all states, in bytes: behind one another, as `pack` would
/// put them. `id` may be the number of states: where they end.
int64_t state_offset(const Module& module, StateId id);

/// The first of the states that the pack `op` takes, when they are neighbours in memory; kNone
/// otherwise.
StateId packed_states(const Function& function, const Operation& op);
/// Whether the pack `op` was given the memory of the states that it takes, so that there is nothing
/// to do.
bool is_at_its_states(const Function& function, const Operation& op);

}  // namespace gmc::ir
