// Gives every value its place: an offset in one arena, or straight the memory of the state it
// updates.
//
// Why here: last, when the order of operations is final.
// How: a value lives from the operation that makes it to the last that reads it. A new state is
// written over the old one where nothing reads the old one later; so are several that are parts of
// one value, when they are neighbours: what an optimizer updates. A result takes over the memory of
// an operand of the same size that dies at that operation, where the loop reads and writes it index
// by index. A slice that is one piece only looks at its operand, and operands of a concat are
// computed straight into their parts of it, where these are pieces: along the first axis both cost
// nothing. What is left is packed by decreasing size, each into the lowest gap that fits its
// lifetime (greedy by size; Pisarchyk and Lee 2020), at multiples of 64 bytes. The known weakness
// of greedy packing is fragmentation by long-lived small values; `unplanned` tells what sharing
// won. Requires: operations in dependency order. Ensures: everything that is not a state, an alias
// (reshape) or a value inside a loop has `at OFFSET` or `at @state`; the function has `arena BYTES
// unplanned BYTES`.
//
//     %a = exp %x : f32[16]                      %a = exp %x : f32[16] at 64
//     %b = neg %a : f32[16]             ->       %b = neg %a : f32[16] at 64
//     update @s = %b                             (or `at @s`)
#pragma once

#include <vector>

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::passes {

/// Bytes of the arena that plan_memory would give the function.
int64_t arena_bytes_of(ir::Function function);

/// Bytes in use at each operation, without the gaps that packing leaves.
std::vector<int64_t> live_bytes_of(ir::Function function);

/// True = changed. Planning a planned module gives the same plan.
Result<bool> plan_memory(ir::Module& module, Diagnostics& diagnostics);

}  // namespace gmc::passes
