// Lists the steps of a module: one line per operation that does something at run time. Reshapes,
// packs of states and slices that become states are left out, since they only name memory; where
// they are read, the listing names what they stand for.
#include "compiler/view/loops.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "compiler/ir/text/places.h"
#include "compiler/support/wrap.h"

namespace gmc::view {
namespace {

using namespace ir;  // NOLINT

constexpr size_t kOperationIndent = 6;  ///< of what does not fit into an operation's first line

bool is_random(const Operation& op) {
    return op.as<RandomNormal>() != nullptr || op.as<RandomUniform>() != nullptr;
}

/// Lists one function. The constructor finds out which values are only other names; write() prints
/// the rest.
class LoopWriter {
  public:
    LoopWriter(const Module& module, const Function& function) : module_(module), f_(function) {
        std::map<ValueId, const Operation*> maker;
        for (const Operation& op : f_.operations) {
            for (ValueId v : op.results) maker[v] = &op;
            if (op.as<Reshape>() != nullptr) original_[op.result()] = original(op.operands[0]);
            if (is_pack_of_states(op)) packs_[op.result()] = op.operands;
        }
        for (const Update& u : f_.updates) {
            ValueId v = original(u.value);
            // A slice of the pack in which an optimizer has updated all its parameters at once.
            if (const Operation* op = maker[v]; op != nullptr && op->as<Slice>() != nullptr) {
                parts_.insert(v);
                v = original(op->operands[0]);
            }
            updates_[v] += " @" + module.states[u.state].name;
        }
    }

    std::string write() const {
        std::string lines;
        int loops = 0, contractions = 0, others = 0;
        for (const Operation& op : f_.operations) {
            const ValueId result = op.result();
            if (op.as<Reshape>() != nullptr || packs_.count(result) + parts_.count(result) > 0)
                continue;
            ++(runs_as_loop(op.info())       ? loops
               : op.info().has(kContraction) ? contractions
                                             : others);
            lines += with_place(op) + "\n";
        }
        return fmt::format("@{}: {} loops, {} contractions, {} others\n", f_.name, loops,
                           contractions, others) +
               lines;
    }

  private:
    /// What a value was before it was reshaped.
    ValueId original(ValueId v) const {
        const auto found = original_.find(v);
        return found == original_.end() ? v : found->second;
    }

    bool is_pack_of_states(const Operation& op) const {
        return op.as<Pack>() != nullptr &&
               std::all_of(op.operands.begin(), op.operands.end(),
                           [&](ValueId v) { return f_.values[v].state != kNone; });
    }

    std::string name(ValueId value) const {
        const ValueId v = original(value);
        if (const auto pack = packs_.find(v); pack != packs_.end()) {
            std::string names;
            for (ValueId state : pack->second) names += name(state);
            return names;
        }
        return (f_.values[v].state == kNone ? " %" : " @") + f_.values[v].name;
    }

    /// Calls `visitor` for each op of a loop, or for the operation itself.
    template <typename Visitor>
    static void for_each_op(const Operation& op, Visitor&& visitor) {
        for (const Operation& inner : op.body) visitor(inner);
        if (op.body.empty()) visitor(op);
    }

    const Shape& space(const Operation& op) const {
        if (const auto* fused = op.as<Fused>()) return fused->space;
        return f_.type(op.info().has(kReduction) ? op.operands[0] : op.result()).shape;
    }

    /// The line of an operation, broken to the width of a terminal, and its place in the model,
    /// which is not broken.
    std::string with_place(const Operation& op) const {
        std::string out = wrapped("  " + line(op), kOperationIndent);
        if (!op.location.known()) return out;
        const std::string place = "  // " + short_place(module_, op.location);
        const size_t last_line = out.size() - (out.rfind('\n') + 1);
        return out + (last_line + place.size() <= 80 ? "" : "\n    ") + place;
    }

    /// "loop [128,400]: reads ...; stores ...; sums ...; updates ...; draws 1".
    std::string line(const Operation& op) const {
        std::string reads, stores, sums, updates;
        for (ValueId v : op.operands) reads += name(v);
        int draws = 0;
        for_each_op(op, [&](const Operation& inner) {
            draws += is_random(inner) ? 1 : 0;
            const ValueId v = inner.result();
            if (std::find(op.results.begin(), op.results.end(), v) == op.results.end()) return;
            const auto update = updates_.find(v);
            if (update != updates_.end())
                updates += update->second;
            else
                (inner.info().has(kReduction) ? sums : stores) += name(v);
        });
        std::string out = fmt::format("{} {}:", runs_as_loop(op.info()) ? "loop" : op.info().name,
                                      to_string(space(op)));
        const auto part = [&](const char* verb, const std::string& what) {
            if (!what.empty())
                out += fmt::format("{} {}{}", out.back() == ':' ? "" : ";", verb, what);
        };
        if (const auto* scan = op.as<Scan>())
            out = fmt::format("scan {} passes of @{}:", scan->count, scan->body);
        part("reads", reads);
        part("stores", stores);
        part("sums", sums);
        part("updates", updates);
        if (draws > 0) part("draws", fmt::format(" {}", draws));
        return out;
    }

    const Module& module_;
    const Function& f_;
    std::map<ValueId, ValueId> original_;            ///< of results of reshapes
    std::map<ValueId, std::string> updates_;         ///< by value: the states it updates
    std::map<ValueId, std::vector<ValueId>> packs_;  ///< of states, which cost nothing
    std::set<ValueId> parts_;  ///< slices that states become, which cost nothing either
};

}  // namespace

std::string loops_text(const Module& module) {
    std::string out;
    for (const Function& function : module.functions)
        out += (out.empty() ? "" : "\n") + LoopWriter(module, function).write();
    return out;
}

}  // namespace gmc::view
