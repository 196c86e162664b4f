// Look-ups in modules and the naming of values.
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

ValueId Function::state_value(StateId state, const Module& module) {
    for (size_t i = 0; i < values.size(); ++i)
        if (values[i].state == state) return static_cast<ValueId>(i);
    const State& declared = module.states[state];
    values.push_back({declared.name, declared.type, state});
    return static_cast<ValueId>(values.size()) - 1;
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
