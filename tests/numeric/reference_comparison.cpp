// Runs the reference, and compares named lists of doubles element by element.
#include "tests/numeric/reference_comparison.h"

#include <fmt/format.h>

#include <cmath>

#include "tests/numeric/test_random.h"

namespace gmc::tests {

std::string difference(const std::string& name, const std::vector<double>& found,
                       const std::vector<double>& expected, const Tolerance& tolerance) {
    if (found.size() != expected.size())
        return fmt::format("{} has {} elements instead of {}\n", name, found.size(),
                           expected.size());
    double largest = 0;
    for (double e : expected) largest = std::fmax(largest, std::fabs(e));
    std::string worst;
    double worst_excess = 1;
    for (size_t i = 0; i < expected.size(); ++i) {
        const double allowed =
            tolerance.relative * std::fmax(std::fabs(expected[i]), tolerance.floor * largest) +
            tolerance.absolute;
        double excess = std::fabs(found[i] - expected[i]) / allowed;
        // NaN on one side only, or different infinities.
        if (!std::isfinite(found[i]) || !std::isfinite(expected[i])) excess = INFINITY;
        if (found[i] == expected[i] || excess <= worst_excess) continue;
        worst_excess = excess;
        worst = fmt::format("{}[{}] is {} instead of {}, {:.3g} times the tolerance\n", name, i,
                            found[i], expected[i], excess);
    }
    return worst;
}

std::string difference(const RunOutputs& found, const RunOutputs& expected,
                       const Tolerance& tolerance) {
    std::string text;
    for (const auto& [name, values] : expected) {
        const auto other = found.find(name);
        text += other == found.end() ? fmt::format("{} is missing\n", name)
                                     : difference(name, other->second, values, tolerance);
    }
    return text;
}

RunOutputs run_by_reference(const ir::Module& module, const ir::Function& function,
                            const RunInputs& inputs) {
    runtime::ReferenceStates states;
    for (const auto& [name, values] : inputs.states) states[module.find_state(name)] = values;
    RunOutputs out;
    for (auto& [name, tensor] :
         runtime::run_reference(module, function, inputs.inputs, states, inputs.call).results)
        out[name] = std::move(tensor.data);
    for (auto& [id, values] : states)
        if (const ir::State& state = module.states[static_cast<size_t>(id)];
            state.source == ir::kNone)
            out["@" + state.name] = std::move(values);
    return out;
}

RunInputs random_inputs(const ir::Module& module, const ir::Function& function, uint64_t seed) {
    TestRandom random(seed);
    RunInputs out;
    const auto fill = [&](std::vector<double>& list, const ir::Type& type) {
        for (int64_t i = 0; i < type.elements(); ++i) list.push_back(random.uniform(-1, 1));
    };
    for (const ir::Input& input : function.inputs)
        fill(out.inputs[function.values[input.value].name], function.type(input.value));
    for (size_t i = 0; i < module.states.size(); ++i)
        if (module.states[i].source == ir::kNone)
            fill(out.states[module.states[i].name], module.states[i].type);
    out.call.seed = seed;
    return out;
}

}  // namespace gmc::tests
