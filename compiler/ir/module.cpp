// Look-ups in modules by name, and the naming of values. A function may have very many values, so
// its names and states are found through hash tables; functions and states of a module are looked
// up by name seldom, and are found by searching.
#include "compiler/ir/module.h"

#include <fmt/format.h>

namespace gmc::ir {

const char* state_role_name(StateRole role) {
    static constexpr const char* kNames[] = {"parameter", "statistic", "slot", "copy"};
    return kNames[static_cast<int>(role)];
}

ValueId Function::add_value(std::string name, Type type) {
    // A name that is taken gets the next free number: dense, dense.1, dense.2, ...
    int& uses = name_uses_[name];
    std::string unique = name;
    if (uses > 0 || name.empty()) {
        do {
            unique = name.empty() ? fmt::format("{}", uses++) : fmt::format("{}.{}", name, uses++);
        } while (name_uses_.count(unique) != 0);
        name_uses_[unique] = 1;
    } else {
        uses = 1;
    }
    values.push_back({std::move(unique), std::move(type)});
    return static_cast<ValueId>(values.size()) - 1;
}

/// Passes may append values themselves, so the table is brought up to date first: `looked_at_` is
/// how many values it has seen. Each value is looked at once in the function's life.
ValueId Function::state_value(StateId state, const Module& module) {
    for (; looked_at_ < values.size(); ++looked_at_)
        if (values[looked_at_].state != kNone)
            state_values_.emplace(values[looked_at_].state, static_cast<ValueId>(looked_at_));
    if (const auto found = state_values_.find(state); found != state_values_.end())
        return found->second;
    const State& declared = module.states[state];
    values.push_back({declared.name, declared.type, state});
    return static_cast<ValueId>(values.size()) - 1;
}

void Function::renumber_states(const std::vector<StateId>& numbers) {
    for (Value& v : values) {
        if (v.state != kNone) v.state = numbers[v.state];
        if (v.home != kNone) v.home = numbers[v.home];
    }
    for (Update& u : updates) u.state = numbers[u.state];
    state_values_.clear();
    looked_at_ = 0;
}

Function* Module::find_function(const std::string& function_name) {
    for (Function& f : functions)
        if (f.name == function_name) return &f;
    return nullptr;
}

const Function* Module::find_function(const std::string& function_name) const {
    return const_cast<Module*>(this)->find_function(function_name);
}

StateId Module::find_state(const std::string& state_name) const {
    for (size_t i = 0; i < states.size(); ++i)
        if (states[i].name == state_name) return static_cast<StateId>(i);
    return kNone;
}

}  // namespace gmc::ir
