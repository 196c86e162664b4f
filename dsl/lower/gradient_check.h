// Builds what `gmc gradcheck` measures: losses, their gradients, and the gradients of those, as
// functions of a module. Enters: a ModelSpec. Leaves: a module that updates nothing.
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "dsl/spec.h"

namespace gmc::lower {

/// Makes three functions per entry of `minimize`, in training mode and with the same random
/// streams:
///    loss_ENTRY       result `loss`
///    gradient_ENTRY   results d.PARAMETER, and `slope`: the sum over all parameters of
///                     d.PARAMETER * r.PARAMETER, where r.PARAMETER are inputs
///    curvature_ENTRY  results d.PARAMETER: the gradient of `slope`, so differentiated twice
/// Errors about losses are those of build_module.
Result<ir::Module> build_gradient_check(const dsl::ModelSpec& spec, Diagnostics& diagnostics);

}  // namespace gmc::lower
