// Gives every value its place: an offset in one arena, or straight the memory of the state it
// updates.
//
// Why here: last, when the order of operations is final.
// How: a value lives from the operation that makes it to the last that reads it.
//  1. Values that lie within another one (memory_views.h) need no memory of their own.
//  2. A new state is written over the old one where nothing reads the old one later. So is a value
//     whose parts are the new values of neighbouring states: this is what an optimizer computes.
//  3. A result takes over the memory of an operand of the same size that nothing needs afterwards,
//     where the loop reads and writes it element by element.
//  4. What is left is placed in the arena, the largest value first, each in the lowest gap that is
//     free during its life (first fit by decreasing size; Pisarchyk and Lee 2020), at multiples of
//     64 bytes. Long-lived small values may leave gaps between large ones; `unplanned` in the
//     printed module is the sum of all sizes and shows what sharing won.
//  5. The values of a scan's body lie in a piece of the arena that lives as long as the scan runs,
//     its workspace. What a body captures has no place there; what it carries keeps its place to
//     the end, or is written over by its new value, as states are.
// Requires: operations in dependency order. Ensures: every value has `at OFFSET` or `at @state`,
// except states, results of reshapes and values inside loops; the function has `arena BYTES
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

/// Bytes of the arena that plan_memory would give the function of `module`; it stays unplanned.
int64_t arena_bytes_of(const ir::Module& module, ir::Function function);

/// By operation: bytes of all values that live then, without the gaps that placing leaves.
std::vector<int64_t> live_bytes_of(const ir::Module& module, ir::Function function);

/// Bytes of an arena below which no way to compute values again brings the function: a bound, not
/// what can be reached.
int64_t needed_bytes_of(const ir::Module& module, ir::Function function);

/// True = changed. Planning a planned module gives the same plan. Error: kTooLarge for a function
/// that needs more than kLargestMemory.
Result<bool> plan_memory(ir::Module& module, Diagnostics& diagnostics);

}  // namespace gmc::passes
