// Short texts about operations, for tables and traces: kind, name and place.
#include "runtime/profile/operation_text.h"

#include <fmt/format.h>

#include "compiler/ir/views.h"

namespace gmc::runtime {
namespace {

/// Values without a name have a number for a name.
bool is_named(const std::string& name) {
    return name.find_first_not_of("0123456789.") < name.size();
}

/// A place, to look names up by.
auto key(const ir::Operation& operation) {
    const ir::Location& at = operation.location;
    return std::tuple(at.file, at.line, at.column);
}

}  // namespace

std::string kind_of(const OperationProfile& profile) {
    return std::string(profile.kernel == "loop" ? profile.kernel : profile.operation().info().name);
}

OperationNames::OperationNames(const ir::Module& module) : module_(module) {
    for (const ir::Function& function : module.functions)
        for (const ir::Operation& operation : function.operations) {
            note(function, operation);
            for (const ir::Operation& inner : operation.body) note(function, inner);
        }
}

void OperationNames::note(const ir::Function& function, const ir::Operation& operation) {
    const std::string& name = function.values[operation.result()].name;
    if (operation.location.known() && is_named(name)) names_.try_emplace(key(operation), name);
}

/// In this order: the name that the model gave the result; the parameters that it updates; the
/// number of the result, with a named op of the same place in the model, since passes make several
/// ops of one.
std::string OperationNames::of(const ir::Function& function, const ir::Operation& operation) const {
    const std::string& name = function.values[operation.result()].name;
    if (is_named(name)) return "%" + name;
    for (ir::ValueId result : operation.results) {
        const ir::StateId home = function.values[result].home;
        if (home == ir::kNone || module_.states[home].role != ir::StateRole::kParameter) continue;
        // An update of several parameters writes to all of them, from this home on.
        const int64_t end = ir::state_offset(module_, home) + function.type(result).bytes();
        ir::StateId next = home + 1;
        while (next < static_cast<ir::StateId>(module_.states.size()) &&
               ir::state_offset(module_, next) < end)
            ++next;
        const std::string& first = module_.states[home].name;
        if (next == home + 1) return "@" + first;
        return fmt::format("@{} and {} more", first, next - home - 1);
    }
    const auto found = names_.find(key(operation));
    if (found == names_.end()) return "%" + name;
    return fmt::format("%{} at {}", name, found->second);
}

std::string place_of(const ir::Module& module, const ir::Operation& operation) {
    const ir::Location& at = operation.location;
    if (!at.known()) return "";
    return fmt::format("{}:{}:{}", module.files[at.file], at.line, at.column);
}

}  // namespace gmc::runtime
