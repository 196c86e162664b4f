// Walks backwards through a function to find what a value depends on, and emits `gradient` ops.
#include "dsl/lower/gradients.h"

#include <algorithm>

namespace gmc::lower {

using ir::StateId;
using ir::ValueId;

/// For each value, whether `target` depends on it through ops that pass gradients on.
static std::vector<bool> reached_from(const ir::Function& function, ValueId target) {
    std::vector<bool> reached(function.values.size(), false);
    reached[target] = true;
    for (size_t i = function.operations.size(); i-- > 0;) {
        const ir::Operation& op = function.operations[i];
        if (op.info().has(ir::kNoGradient)) continue;
        if (std::any_of(op.results.begin(), op.results.end(),
                        [&](ValueId v) { return reached[v]; }))
            for (ValueId operand : op.operands) reached[operand] = true;
    }
    return reached;
}

bool is_computed_from(const ir::Function& function, ValueId result,
                      const std::set<ValueId>& sources) {
    if (sources.empty()) return false;
    std::set<ValueId> reached{result};
    for (size_t i = function.operations.size(); i-- > 0;) {
        const ir::Operation& op = function.operations[i];
        for (const ValueId made : op.results)
            if (reached.count(made) != 0) reached.insert(op.operands.begin(), op.operands.end());
    }
    return std::any_of(sources.begin(), sources.end(),
                       [&](ValueId source) { return reached.count(source) != 0; });
}

std::vector<StateId> influencing_parameters(FunctionScope& f, ValueId target,
                                            const std::string& network) {
    const std::vector<bool> reached = reached_from(f.function, target);
    std::vector<StateId> parameters;
    for (size_t s = 0; s < f.m.module.states.size(); ++s) {
        const ir::State& state = f.m.module.states[s];
        if (state.role != ir::StateRole::kParameter || !state.name.starts_with(network + ".") ||
            f.m.is_frozen(*f.m.view.network(network), state.name))
            continue;
        // `state` makes a new value for a state that nothing has used; that value lies beyond
        // `reached`.
        const auto value = static_cast<size_t>(f.state(static_cast<StateId>(s)));
        if (value < reached.size() && reached[value]) parameters.push_back(static_cast<StateId>(s));
    }
    return parameters;
}

std::vector<ValueId> gradients_by(FunctionScope& f, ValueId target,
                                  const std::vector<StateId>& parameters, ir::Location location) {
    ir::Operation op{ir::Gradient{}, {target}, {}, location, {}};
    for (StateId id : parameters) {
        const ValueId parameter = f.state(id);
        op.operands.push_back(parameter);
        op.results.push_back(
            f.function.add_value("d." + f.m.module.states[id].name, f.b.type(parameter)));
    }
    const std::vector<ValueId> results = op.results;
    f.function.operations.push_back(std::move(op));
    return results;
}

}  // namespace gmc::lower
