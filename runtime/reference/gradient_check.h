// Checks the gradients of a model's loss, of first and second order, against differences: one
// parameter after another, with the reference that computes in double.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "runtime/reference/derivative_check.h"
#include "runtime/reference/reference.h"

namespace gmc::runtime {

/// Functions of a module that belong together; all read the same data and states.
///   loss       result `loss`
///   gradient   results `d.PARAMETER`, and `slope`: the sum over all parameters of
///              d.PARAMETER * r.PARAMETER, r being inputs
///   curvature  results `d.PARAMETER`: the gradient of `slope`
struct CheckedFunctions {
    const ir::Function* loss = nullptr;
    const ir::Function* gradient = nullptr;
    const ir::Function* curvature = nullptr;
};

/// The outcome for one parameter.
struct ParameterCheck {
    ir::StateId parameter = ir::kNone;
    DerivativeCheck first, second;
};

struct GradientCheckOptions {
    double bound = 1e-5;
    uint64_t seed = 1;
    bool second_order = true;
    int threads = 1;
    /// Called in order as parameters are done; may be empty.
    std::function<void(const ParameterCheck&)> done;
};

/// Checks each of `parameters` along a random direction v that is as long as the parameter itself:
/// d.P . v against the loss at P + t v, and the curvature's d.P . v against `slope` at P + t v. A
/// difference computes only what depends on P. `inputs` are the data; r is drawn here.
std::vector<ParameterCheck> check_gradients(const ir::Module& module,
                                            const CheckedFunctions& functions,
                                            const std::vector<ir::StateId>& parameters,
                                            const ReferenceInputs& inputs,
                                            const ReferenceStates& states,
                                            const GradientCheckOptions& options);

}  // namespace gmc::runtime
