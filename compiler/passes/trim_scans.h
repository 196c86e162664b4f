// Drops from scans what nothing needs: stacks that nobody reads, carried values that no result
// depends on, sequences and captured values that the body does not read. A carried value that every
// pass hands on as it is becomes a captured one. Bodies whose scan is gone go as well.
//
// Why here: after dce, which knows the results of a scan only, and before the next round, for which
// less is left to compute outside. Gradients of scans need it: `differentiate` stacks every carried
// value, and many a backward pass reads few of them.
// Requires: nothing. Ensures: nothing.
//
//     body @f.x(%x = carried, %k = carried,         body @f.x(%x = carried, %k = captured) {
//               %w = captured) {                       ...
//       ...                                            result x = %y
//       result x = %y                               }
//       result k = %k                        ->     func @f(...) {
//     }                                                %1 = scan %a, %b {body="f.x", count=9}
//     %1, %2 = scan %a, %b, @w {body="f.x", ...}
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::passes {

/// True = changed.
Result<bool> trim_scans(ir::Module& module, Diagnostics& diagnostics);

}  // namespace gmc::passes
