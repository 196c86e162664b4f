// Slices, concats and packs that need no copy. Where a part is one contiguous piece of the whole, a
// slice can be a view of its operand, and operands of a concat or pack can be computed in their
// place in the result. Whether that is done is up to plan_memory; here is only where the parts are.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "compiler/ir/module.h"

namespace gmc::ir {

/// Bytes from the start of the operand of the slice `op` to its result, when the result is one
/// contiguous piece of the operand: the slice takes a range of one axis, one position of each axis
/// before that, and all of each axis behind. Nothing otherwise.
std::optional<int64_t> view_offset(const Function& function, const Operation& op);

/// Bytes from the start of the result of the concat or pack `op` to each operand's part, when every
/// part is one piece: for a concat, axes before the one that grows have size 1. Empty otherwise.
std::vector<int64_t> part_offsets(const Function& function, const Operation& op);

/// Along each axis, the position in the operand of the slice or pad `op` that position 0 of the
/// result shows: negative for a pad, which has zeros there. Nothing where positions are left out or
/// inserted in between.
std::optional<std::vector<int64_t>> window_starts(const Operation& op);

/// Bytes that a tensor takes in a pack, and a state in the memory of all states.
int64_t packed_bytes(const Type& type);

/// Where state `id` begins in the memory of all states, in bytes. States are one after another as
/// `pack` would put them. When `id` is the number of states: the size of that memory.
int64_t state_offset(const Module& module, StateId id);

/// When the operands of the pack `op` are states that are neighbours in memory, in this order: the
/// first of them. kNone otherwise.
StateId packed_states(const Function& function, const Operation& op);
/// Whether the plan put the result of the pack `op` at the states that it packs, so that there is
/// nothing to copy.
bool is_at_its_states(const Function& function, const Operation& op);

}  // namespace gmc::ir
