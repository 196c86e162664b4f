// Walks from the new value of a parameter back to where it comes from. An optimizer's update is
// elementwise, on tensors that `pack` has made of gradients and of parameters; the walk ends there.
#include "runtime/states/parameter_updates.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace gmc::runtime {
namespace {

using ir::Operation;
using ir::ValueId;

class Updates {
  public:
    Updates(const ir::Module& module, const ir::Function& function)
        : module_(module), function_(function), made_by_(function.values.size(), nullptr) {
        add_operations(function.operations);
        for (const ir::Update& update : function.updates)
            if (module.states[update.state].role == ir::StateRole::kParameter)
                packed_.insert(packed_of(update.value));
    }

    void add_scheduled(std::set<std::string>& figures) const {
        for (const ir::NamedValue& result : function_.results)
            walk({result.value}, [&](ValueId value, const Operation& at) {
                if (is_scheduled(at)) figures.insert(result.name);
                return packed_.count(value) == 0;  // behind it are learning rates
            });
    }

    void add_to(std::map<ir::StateId, ParameterUpdate>& all) {
        for (const ir::Update& update : function_.updates) {
            if (module_.states[update.state].role != ir::StateRole::kParameter) continue;
            const auto [found, is_new] = all.emplace(update.state, ParameterUpdate{});
            const ValueId packed = packed_of(update.value);
            const ParameterUpdate& here = look_at(packed);
            ParameterUpdate& in_all = found->second;
            in_all.rests = here.rests && (is_new || in_all.rests);
            in_all.has_fixed_rate = here.has_fixed_rate && (is_new || in_all.has_fixed_rate);
            in_all.has_scheduled_gradient |= here.has_scheduled_gradient;
            if (is_new || !here.bound) in_all.bound = here.bound;
            in_all.groups.insert({&function_, packed});
        }
    }

  private:
    /// Operations of a body come last, so that they are what is found, not the loop around them.
    void add_operations(const std::vector<Operation>& operations) {
        for (const Operation& op : operations) {
            for (const ValueId made : op.results) made_by_[made] = &op;
            add_operations(op.body);
        }
    }

    /// What a new value is a slice of.
    ValueId packed_of(ValueId value) const {
        const Operation* op = made_by_[value];
        while (op && (op->as<ir::Slice>() || op->as<ir::Reshape>())) {
            value = op->operands[0];
            op = made_by_[value];
        }
        return value;
    }

    bool is_of_states(const Operation& pack) const {
        return std::all_of(pack.operands.begin(), pack.operands.end(), [&](ValueId v) {
            return function_.values[packed_of(v)].state != ir::kNone;
        });
    }

    const ParameterUpdate& look_at(ValueId packed) {
        const auto [found, is_new] = seen_.emplace(packed, ParameterUpdate{});
        ParameterUpdate& out = found->second;
        if (!is_new) return out;
        out.rests = is_itself(packed);
        out.has_fixed_rate = true;
        out.bound = bound_of(packed);
        std::set<ValueId> gradients;
        walk({packed}, [&](ValueId value, const Operation& at) {
            if (at.info().has(ir::kRuntimeScalar)) {
                out.has_fixed_rate = false;
                return false;
            }
            const bool is_rule = at.info().has(ir::kElementwise) || at.as<ir::Broadcast>() ||
                                 at.as<ir::Reshape>() || at.as<ir::Slice>();
            if (!is_rule && !(at.as<ir::Pack>() && is_of_states(at))) gradients.insert(value);
            return is_rule;
        });
        walk(gradients, [&](ValueId value, const Operation& at) {
            out.has_scheduled_gradient |= is_scheduled(at);
            return value == packed || packed_.count(value) == 0;
        });
        return out;
    }

    /// Whether a value is 0 because a factor of it is the number 0.
    bool is_zero(ValueId value) const {
        const Operation* op = made_by_[value];
        if (op == nullptr) return false;
        if (const auto* constant = op->as<ir::Constant>()) return constant->value == 0;
        if (op->as<ir::Mul>()) return is_zero(op->operands[0]) || is_zero(op->operands[1]);
        return (op->as<ir::Div>() || op->as<ir::Broadcast>() || op->as<ir::Neg>()) &&
               is_zero(op->operands[0]);
    }

    /// Whether a new value is the old one, but for a limit that is held and a look ahead.
    bool is_itself(ValueId value) const {
        const Operation* op = made_by_[value];
        if (op == nullptr) return true;
        if (op->as<ir::Pack>()) return is_of_states(*op);
        if (op->as<ir::Add>() || op->as<ir::Sub>())
            return is_zero(op->operands[1]) && is_itself(op->operands[0]);
        if (op->as<ir::Minimum>() || op->as<ir::Maximum>()) return is_itself(op->operands[0]);
        return op->as<ir::Select>() && is_itself(op->operands[2]);
    }

    /// Under `lookahead` the update is chosen between the rule's value and the slow one.
    std::optional<float> bound_of(ValueId value) const {
        const Operation* op = made_by_[value];
        while (op && op->as<ir::Select>()) op = made_by_[op->operands[2]];
        if (op == nullptr || !op->as<ir::Minimum>()) return std::nullopt;
        const Operation* limit = made_by_[op->operands[1]];
        const auto* constant = limit ? limit->as<ir::Constant>() : nullptr;
        return constant ? static_cast<float>(constant->value) : std::nanf("");
    }

    bool is_scheduled(const Operation& op) const {
        const auto reads = [](const Operation& at) {
            return at.as<ir::Step>() != nullptr || at.as<ir::Epoch>() != nullptr;
        };
        if (const auto* scan = op.as<ir::Scan>())
            if (const ir::Function* body = module_.find_function(scan->body))
                for (const Operation& at : body->operations)
                    if (is_scheduled(at) || std::any_of(at.body.begin(), at.body.end(), reads))
                        return true;
        return reads(op);
    }

    /// Visits what `values` are computed from; `visit` tells whether to go on behind an operation.
    template <typename Visit>
    void walk(const std::set<ValueId>& values, Visit visit) const {
        std::vector<ValueId> left(values.begin(), values.end());
        std::set<ValueId> done = values;
        while (!left.empty()) {
            const ValueId value = left.back();
            left.pop_back();
            const Operation* op = made_by_[value];
            if (op == nullptr || !visit(value, *op)) continue;
            for (const ValueId operand : op->operands)
                if (done.insert(operand).second) left.push_back(operand);
        }
    }

    const ir::Module& module_;
    const ir::Function& function_;
    std::vector<const Operation*> made_by_;  ///< by value; null of inputs and states
    std::set<ValueId> packed_;               ///< the new values of all groups
    std::map<ValueId, ParameterUpdate> seen_;
};

}  // namespace

std::map<ir::StateId, ParameterUpdate> parameter_updates(const ir::Module& module) {
    std::map<ir::StateId, ParameterUpdate> all;
    for (const ir::ScheduleEntry& entry : module.schedule)
        if (const ir::Function* function = module.find_function(entry.function))
            if (entry.every == 1) Updates(module, *function).add_to(all);
    return all;
}

std::set<std::string> scheduled_figures(const ir::Module& module) {
    std::set<std::string> figures;
    for (const ir::ScheduleEntry& entry : module.schedule)
        if (const ir::Function* function = module.find_function(entry.function))
            Updates(module, *function).add_scheduled(figures);
    return figures;
}

}  // namespace gmc::runtime
