// Finds the parameters that a loss depends on, and emits its derivatives as `gradient` ops.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "dsl/lower/scope.h"

namespace gmc::lower {

/// Whether `result` is one of `sources`, or is computed from one of them, in whatever way.
bool is_computed_from(const ir::Function& function, ir::ValueId result,
                      const std::set<ir::ValueId>& sources);

/// The parameters of `network` that training may move and that `target` depends on through ops that
/// pass gradients on, in the order of their declaration. The others that it depends on are added to
/// `without_gradient`.
std::vector<ir::StateId> influencing_parameters(FunctionScope& f, ir::ValueId target,
                                                const std::string& network,
                                                std::set<ir::StateId>* without_gradient = nullptr);

/// Whether the derivatives of `target` by all `parameters` are 0 whatever the numbers are, as far
/// as constants show: each way from one to the other leads through a product with 0, a power of 0,
/// or the difference of a value and itself.
bool has_only_zero_gradients(FunctionScope& f, ir::ValueId target,
                             const std::vector<ir::StateId>& parameters);

/// Emits a `gradient` op: the derivatives of the scalar `target` with respect to the current values
/// of `parameters`, named d.PARAMETER.
std::vector<ir::ValueId> gradients_by(FunctionScope& f, ir::ValueId target,
                                      const std::vector<ir::StateId>& parameters,
                                      ir::Location location);

}  // namespace gmc::lower
