// Moves out of the bodies of scans what is the same in every pass.
//
// Why here: after lower_precision, whose casts of captured weights it moves out; before
// keep_copies, which then lets updates write the bf16 of these weights.
// How: an operation is moved when all it reads is captured, or a constant, and its result is no
// larger than what it reads (so that no memory is kept for what a loop makes on the way), or it is
// a contraction. The result becomes a captured value.
// Requires: nothing. Ensures: nothing.
//
//     body @f.x(%x = carried, %w = captured) {      body @f.x(%x = carried, %c = captured) {
//       %c = cast %w : bf16[8,8]                      ...
//       ...                                         }
//     }                                       ->    func @f(...) {
//     func @f(...) {                                  %1 = cast @w : bf16[8,8]
//       %y = scan %z, @w {body="f.x", ...}            %y = scan %z, %1 {body="f.x", ...}
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::passes {

/// True = changed.
Result<bool> hoist_invariants(ir::Module& module, Diagnostics& diagnostics);

}  // namespace gmc::passes
