// Runs one function in two ways and describes where the results differ. The ways are the reference
// (plain loops in double), the fast path, and the same function after passes.
#pragma once

#include <string>
#include <vector>

#include "compiler/ir/module.h"
#include "runtime/reference/reference.h"
#include "tests/numeric/tolerances.h"

namespace gmc::runtime {
class ProcessGroup;  // runtime/processes/process_group.h
}

namespace gmc::tests {

/// The numbers that a function is run on.
struct RunInputs {
    runtime::ReferenceInputs inputs;
    /// Per state of the module, by its name.
    std::map<std::string, std::vector<double>> states;
    runtime::CallContext call;
};

/// Results and updated states by name ("@name" for states).
using RunOutputs = std::map<std::string, std::vector<double>>;

/// "" when `found` equals `expected` within `tolerance`; otherwise one line about the worst
/// element.
std::string difference(const std::string& name, const std::vector<double>& found,
                       const std::vector<double>& expected, const Tolerance& tolerance);
/// The same for everything that two runs computed.
std::string difference(const RunOutputs& found, const RunOutputs& expected,
                       const Tolerance& tolerance);

RunOutputs run_by_reference(const ir::Module& module, const ir::Function& function,
                            const RunInputs& inputs);

/// Runs by runtime/program/executable.h. With `reference` the executable runs the plain loops on
/// its own memory, which tests only where the plan puts values. With a group, the module is the
/// share of one of its processes.
RunOutputs run_by_executable(const ir::Module& module, const ir::Function& function,
                             const RunInputs& inputs, bool reference = false,
                             runtime::ProcessGroup* group = nullptr);

/// Compares the fast path with the reference: "" or a description. When the function is neither
/// fused nor planned, the first op whose value differs is named as well.
std::string compare_fast_path(const ir::Module& module, const ir::Function& function,
                              const RunInputs& inputs, const Tolerance& tolerance = kFastFunction);

/// Uniform numbers in [-1, 1) for all inputs and states.
RunInputs random_inputs(const ir::Module& module, const ir::Function& function, uint64_t seed);

}  // namespace gmc::tests
