// Removes ops whose results nothing needs.
//
// Why here: after the rewriting passes, which leave what they replaced behind; and after
// differentiation, which computes derivatives by all operands of an op, wanted or not.
// Requires: nothing. Ensures: every op feeds an update or a result of its function. States and
// inputs stay: they are the module's interface. Bodies of scans that are gone go, too.
//
//     %y = exp %x : f32[4]
//     %z = log %x : f32[4]       ->      %y = exp %x : f32[4]
//     result y = %y                      result y = %y
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::passes {

/// True = changed.
Result<bool> dce(ir::Module& module, Diagnostics& diagnostics);

}  // namespace gmc::passes
