// What a loss depends on, and its derivatives as `gradient` ops.
#pragma once

#include <string>
#include <vector>

#include "dsl/lower/scope.h"

namespace gmc::lower {

/// The parameters of `network`, in the order of their declaration, that `target` depends on through
/// ops that pass gradients on.
std::vector<ir::StateId> influencing_parameters(FunctionScope& f, ir::ValueId target,
                                                const std::string& network);

/// A `gradient` op: the derivatives of the scalar `target` by the current values of `parameters`,
/// named d.PARAMETER.
std::vector<ir::ValueId> gradients_by(FunctionScope& f, ir::ValueId target,
                                      const std::vector<ir::StateId>& parameters,
                                      ir::Location location);

}  // namespace gmc::lower
