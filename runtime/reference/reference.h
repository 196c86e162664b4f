// The truth of the project: every op as plain loops in double, written to be obviously right and
// never fast. Fast kernels are compared with it, and gradients are checked through it against
// finite differences. Numbers are doubles where the type says f32: constants are not rounded to
// float. Values of bf16 are rounded to it.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/ir/module.h"
#include "runtime/kernels/kernel.h"

namespace gmc::runtime {

/// A tensor of the reference: row-major, as many elements as the type says.
struct ReferenceTensor {
    ir::Type type;
    std::vector<double> data;
};

/// The values of one function that have been computed so far.
using ReferenceValues = std::unordered_map<ir::ValueId, ReferenceTensor>;
/// Elements of inputs, by the input's value name (without %).
using ReferenceInputs = std::map<std::string, std::vector<double>>;
/// Elements of states.
using ReferenceStates = std::map<ir::StateId, std::vector<double>>;

struct ReferenceOptions {
    bool keep_values = false;  ///< fill ReferenceResult::values
    /// Round every value to float when it is computed, those inside fused bodies too. Kernels of
    /// the reference need that: a value that went through memory is a float, and the same value
    /// computed again inside a fused body must be equal to it, because the gradient of reduce_max
    /// compares such values.
    bool round_to_float = false;
};

struct ReferenceResult {
    std::map<std::string, ReferenceTensor> results;  ///< by the names of Function::results
    ReferenceValues values;  ///< with keep_values: every value, those of fused bodies included
};

/// Runs `function` and applies its updates to `states`, which must hold every state that the
/// function reads; all updates see the states as they were at entry. A missing or wrongly sized
/// input or state is an InternalError, as is a `gradient` op: differentiate the module first.
ReferenceResult run_reference(const ir::Module& module, const ir::Function& function,
                              const ReferenceInputs& inputs, ReferenceStates& states,
                              const CallContext& call, const ReferenceOptions& options = {});

/// Runs one op: reads its operands from `values` and adds its results (of `fused`: all values of
/// its body).
void run_reference_operation(const ir::Module& module, const ir::Function& function,
                             const ir::Operation& operation, ReferenceValues& values,
                             const CallContext& call, const ReferenceOptions& options = {});

}  // namespace gmc::runtime
