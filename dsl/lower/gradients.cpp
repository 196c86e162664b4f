// Walks backwards through a function to find what a value depends on, and emits `gradient` ops.
#include "dsl/lower/gradients.h"

#include <algorithm>

namespace gmc::lower {

using ir::StateId;
using ir::ValueId;

namespace {

/// For each value, whether it is 0 whatever the numbers are, as far as constants show.
std::vector<bool> known_zeros(const ir::Function& function) {
    std::vector<bool> zero(function.values.size(), false);
    for (const ir::Operation& op : function.operations) {
        const auto is_zero = [&](ValueId v) { return zero[v]; };
        const bool all = std::all_of(op.operands.begin(), op.operands.end(), is_zero);
        const bool any = std::any_of(op.operands.begin(), op.operands.end(), is_zero);
        bool found = false;
        if (const auto* constant = op.as<ir::Constant>())
            found = static_cast<float>(constant->value) == 0;
        else if (op.as<ir::Mul>() || op.info().has(ir::kContraction))
            found = any;
        else if (op.as<ir::Div>())
            found = is_zero(op.operands[0]);
        else if (op.as<ir::Sub>())
            found = all || op.operands[0] == op.operands[1];
        else if (op.as<ir::Add>() || op.as<ir::Neg>() || op.as<ir::Abs>() ||
                 op.as<ir::LeakyRelu>() || op.as<ir::Broadcast>() || op.as<ir::Reshape>() ||
                 op.as<ir::Transpose>() || op.as<ir::Slice>() || op.as<ir::Concat>() ||
                 op.as<ir::ReduceSum>() || op.as<ir::StopGradient>())
            found = all;
        if (found && op.results.size() == 1) zero[op.result()] = true;
    }
    return zero;
}

/// Whether an op's derivative by operand i is 0, because a factor of it is a value of `zero`.
bool is_times_zero(const ir::Operation& op, size_t i, const std::vector<bool>& zero) {
    if (op.as<ir::Mul>() || op.as<ir::Matmul>() || op.as<ir::Conv>())
        return zero[op.operands[1 - i]];
    if (op.as<ir::Div>()) return i == 1 && zero[op.operands[0]];
    if (op.as<ir::Sub>()) return op.operands[0] == op.operands[1];
    const auto* power = op.as<ir::Pow>();
    return power != nullptr && power->exponent == 0;
}

/// For each value, whether `target` depends on it through ops that pass gradients on; not through
/// products with a value of `zero`, where that is not empty.
std::vector<bool> reached_from(const ir::Function& function, ValueId target,
                               const std::vector<bool>& zero = {}) {
    std::vector<bool> reached(function.values.size(), false);
    reached[target] = true;
    for (size_t i = function.operations.size(); i-- > 0;) {
        const ir::Operation& op = function.operations[i];
        if (op.info().has(ir::kNoGradient)) continue;
        if (std::none_of(op.results.begin(), op.results.end(),
                         [&](ValueId v) { return reached[v]; }))
            continue;
        for (size_t k = 0; k < op.operands.size(); ++k)
            if (zero.empty() || !is_times_zero(op, k, zero)) reached[op.operands[k]] = true;
    }
    return reached;
}

/// `state` makes a new value for a state that nothing has used; that value lies beyond `reached`.
bool is_reached(FunctionScope& f, StateId state, const std::vector<bool>& reached) {
    const auto value = static_cast<size_t>(f.state(state));
    return value < reached.size() && reached[value];
}

}  // namespace

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
                                            const std::string& network,
                                            std::set<StateId>* without_gradient) {
    const std::vector<bool> reached = reached_from(f.function, target);
    std::vector<StateId> parameters;
    for (size_t s = 0; s < f.m.module.states.size(); ++s) {
        const ir::State& state = f.m.module.states[s];
        if (state.role != ir::StateRole::kParameter || !state.name.starts_with(network + ".") ||
            f.m.is_frozen(*f.m.view.network(network), state.name))
            continue;
        const auto id = static_cast<StateId>(s);
        if (is_reached(f, id, reached))
            parameters.push_back(id);
        else if (without_gradient && is_computed_from(f.function, target, {f.state(id)}))
            without_gradient->insert(id);
    }
    return parameters;
}

bool has_only_zero_gradients(FunctionScope& f, ValueId target,
                             const std::vector<StateId>& parameters) {
    const std::vector<bool> reached = reached_from(f.function, target, known_zeros(f.function));
    return std::none_of(parameters.begin(), parameters.end(),
                        [&](StateId id) { return is_reached(f, id, reached); });
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
