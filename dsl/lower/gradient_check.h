// What `gmc gradcheck` measures: losses, their gradients and the gradients of those, as functions.
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "dsl/spec.h"

namespace gmc::lower {

/// Three functions per entry of `minimize`, in training mode with the same random streams:
///   loss_ENTRY       result `loss`
///   gradient_ENTRY   results d.PARAMETER, and `slope`: the sum over all parameters of
///                    d.PARAMETER * r.PARAMETER; r.PARAMETER are inputs
///   curvature_ENTRY  results d.PARAMETER: the gradient of `slope`, by differentiating twice
/// No function updates anything. Errors are those of build_module about losses.
Result<ir::Module> build_gradient_check(const dsl::ModelSpec& spec, Diagnostics& diagnostics);

}  // namespace gmc::lower
