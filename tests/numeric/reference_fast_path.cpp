// Runs executables, with fast float kernels or with the plain loops on the executable's memory.
#include <algorithm>
#include <memory>

#include "compiler/ir/text/printer.h"
#include "compiler/support/check.h"
#include "runtime/kernels/bf16.h"
#include "runtime/program/executable.h"
#include "tests/numeric/reference_comparison.h"

namespace gmc::tests {
namespace {

/// A copy of the function in which the value of every op is a result.
ir::Function with_all_values(const ir::Function& function) {
    ir::Function all = function;
    all.results.clear();
    for (const ir::Operation& op : function.operations)
        for (ir::ValueId value : op.results)
            all.results.push_back({function.values[value].name, value});
    return all;
}

bool is_plain(const ir::Function& function) {
    return function.arena_bytes == ir::kNone &&
           std::none_of(function.operations.begin(), function.operations.end(),
                        [](const ir::Operation& op) { return op.as<ir::Fused>() != nullptr; });
}

/// The text of the first op whose value differs.
std::string first_difference(const ir::Module& module, const ir::Function& function,
                             const RunInputs& inputs, const Tolerance& tolerance) {
    const ir::Function all = with_all_values(function);
    const RunOutputs expected = run_by_reference(module, all, inputs);
    const RunOutputs found = run_by_executable(module, all, inputs);
    for (const ir::Operation& op : function.operations)
        for (ir::ValueId value : op.results) {
            const std::string& name = function.values[value].name;
            const std::string text = difference(name, found.at(name), expected.at(name), tolerance);
            if (!text.empty()) return "first in: " + ir::print(module, function, op) + "\n" + text;
        }
    return "no op differs when all values are results\n";
}

/// Checks that the bf16 copies of parameters equal their parameters after a run.
void check_copies(const runtime::StateStore& states) {
    for (ir::StateId id = states.saved_count(); id < states.count(); ++id) {
        const float* source = states.data(states.state(id).source);
        const auto* copy = reinterpret_cast<const uint16_t*>(states.data(id));
        for (int64_t i = 0; i < states.elements(id); ++i)
            GMC_CHECK(copy[i] == runtime::bf16_from_float(source[i]),
                      "@{}[{}] is {:04x}, @{} is {}", states.state(id).name, i, copy[i],
                      states.state(states.state(id).source).name, source[i]);
    }
}

}  // namespace

/// States and inputs become floats on the way in; results and the states after the run come out as
/// doubles again.
RunOutputs run_by_executable(const ir::Module& module, const ir::Function& function,
                             const RunInputs& inputs, bool reference,
                             runtime::ProcessGroup* group) {
    Diagnostics diagnostics;
    runtime::StateStore states(module);
    for (const auto& [name, values] : inputs.states)
        std::copy(values.begin(), values.end(), states.data(module.find_state(name)));
    states.refresh_copies();
    auto executable = runtime::Executable::make(
        module, function, states, std::make_shared<runtime::Arena>(module),
        {.reference = reference, .group = group}, diagnostics);
    GMC_CHECK(executable.ok(), "{}", diagnostics.render());
    for (const auto& [name, values] : inputs.inputs)
        std::copy(values.begin(), values.end(), executable->input(name));
    executable->run(inputs.call);
    RunOutputs out;
    for (size_t i = 0; i < executable->result_count(); ++i) {
        const float* data = executable->result(i);
        out[function.results[i].name].assign(data, data + executable->result_type(i).elements());
    }
    for (ir::StateId id = 0; id < states.saved_count(); ++id)
        out["@" + states.state(id).name].assign(states.data(id),
                                                states.data(id) + states.elements(id));
    check_copies(states);
    return out;
}

std::string compare_fast_path(const ir::Module& module, const ir::Function& function,
                              const RunInputs& inputs, const Tolerance& tolerance) {
    const RunOutputs expected = run_by_reference(module, function, inputs);
    std::string text = difference(run_by_executable(module, function, inputs), expected, tolerance);
    if (!text.empty() && is_plain(function))
        text += first_difference(module, function, inputs, tolerance);
    return text;
}

}  // namespace gmc::tests
