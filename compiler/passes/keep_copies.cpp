// Finds the parameters that get a copy in bf16 (CopyKeeper), then rewrites each function to read
// and update the copies (CopyInserter).
#include "compiler/passes/keep_copies.h"

#include <algorithm>
#include <map>
#include <set>

#include "compiler/ir/builder.h"
#include "compiler/passes/memory/memory_views.h"

namespace gmc::passes {
namespace {

using namespace ir;  // NOLINT: all of this is about ir

/// Ops whose result is a part of their operand or the same elements: a cast may go in front of
/// them.
bool is_part(const Operation& op) {
    return op.as<Slice>() != nullptr || op.as<Reshape>() != nullptr;
}

/// The state that `op` casts to bf16; kNone when `op` is anything else.
StateId state_of_cast(const Function& f, const Operation& op) {
    const bool narrows = op.as<Cast>() != nullptr && f.type(op.result()).dtype == DType::kBf16;
    return narrows ? f.values[op.operands[0]].state : kNone;
}

/// Writes a function anew, with copies in place of casts.
class CopyInserter {
  public:
    CopyInserter(Module& module, Function& function, const std::map<StateId, StateId>& copies)
        : m_(module), f_(function), b_(module, function), copies_(copies) {}

    /// First collects who makes each value and which values become parameters with copies. Then it
    /// writes the operations one by one: casts of such parameters vanish, and behind each operation
    /// that makes a new parameter its bf16 is made at once, so that fusion can put that cast into
    /// the same loop.
    void run() {
        const std::vector<Operation> before = std::move(f_.operations);
        f_.operations.clear();
        for (const Operation& op : before)
            for (ValueId v : op.results) made_by_[v] = &op;
        for (const Update& u : f_.updates)
            if (copies_.count(u.state) != 0) updated_.insert(u.value);
        for (Operation op : before) {
            for (ValueId& v : op.operands)
                if (const auto known = replaced_.find(v); known != replaced_.end())
                    v = known->second;
            if (replaces(op)) continue;
            b_.set_location(op.location);
            const std::vector<ValueId> results = op.results;
            f_.operations.push_back(std::move(op));
            for (ValueId v : results)
                if (updated_.count(v) != 0) copy_of(v);
        }
        const std::vector<Update> updates = f_.updates;
        for (const Update& u : updates)
            if (const auto copy = copies_.find(u.state); copy != copies_.end())
                f_.updates.push_back({copy->second, copy_of(u.value)});
    }

  private:
    /// Whether `op` is a cast whose result exists already as a copy; notes what replaces it.
    bool replaces(const Operation& op) {
        if (op.as<Cast>() == nullptr || f_.type(op.result()).dtype != DType::kBf16) return false;
        const ValueId x = op.operands[0];
        const bool kept = copies_.count(f_.values[x].state) != 0 || copied_.count(x) != 0;
        if (kept) replaced_[op.result()] = copy_of(x);
        return kept;
    }

    /// A value in bf16: the copy of a state; for a part of a value, the same part of that value in
    /// bf16; else a cast.
    ValueId copy_of(ValueId v) {
        if (const auto known = copied_.find(v); known != copied_.end()) return known->second;
        const auto state = copies_.find(f_.values[v].state);
        if (state != copies_.end()) return copied_[v] = f_.state_value(state->second, m_);
        const Type type{DType::kBf16, f_.type(v).shape};
        const std::string name = f_.values[v].name + ".bf16";
        const auto maker = made_by_.find(v);
        if (maker == made_by_.end() || !is_part(*maker->second))
            return copied_[v] = b_.emit_typed(Cast{}, {v}, type, name);
        const ValueId whole = copy_of(maker->second->operands[0]);
        return copied_[v] = b_.emit_typed(maker->second->op, {whole}, type, name);
    }

    Module& m_;
    Function& f_;
    Builder b_;
    const std::map<StateId, StateId>& copies_;  ///< parameters -> copies
    std::map<ValueId, const Operation*> made_by_;
    std::set<ValueId> updated_;            ///< what parameters with copies become
    std::map<ValueId, ValueId> copied_;    ///< values -> their bf16
    std::map<ValueId, ValueId> replaced_;  ///< results of casts -> the same made elsewhere
};

/// Decides which parameters get a copy, declares the copies as states, and rewrites all functions.
class CopyKeeper {
  public:
    explicit CopyKeeper(Module& module) : m_(module) {}

    bool run() {
        std::set<StateId> wanted;
        for (const Function& f : m_.functions) find(f, wanted);
        if (wanted.empty()) return false;
        std::map<StateId, StateId> copies;
        for (StateId s : wanted) {
            const ir::State source = m_.states[s];
            copies[s] = static_cast<StateId>(m_.states.size());
            m_.states.push_back({source.name + ".bf16",
                                 {DType::kBf16, source.type.shape},
                                 StateRole::kCopy,
                                 {},
                                 source.location,
                                 s});
        }
        for (Function& f : m_.functions) CopyInserter(m_, f, copies).run();
        return true;
    }

  private:
    /// Adds the parameters that `f` reads as bf16 and updates, and those that are updated with
    /// them.
    void find(const Function& f, std::set<StateId>& wanted) const {
        std::set<StateId> read;
        for (const Operation& op : f.operations) {
            const StateId state = state_of_cast(f, op);
            if (state != kNone && m_.states[state].role == StateRole::kParameter)
                read.insert(state);
        }
        const MemoryViews views(f);
        std::map<ValueId, std::vector<StateId>> together;
        for (const Update& u : f.updates)
            if (m_.states[u.state].role == StateRole::kParameter)
                together[views.container(u.value).of].push_back(u.state);
        for (const auto& [value, states] : together)
            if (std::any_of(states.begin(), states.end(),
                            [&](StateId s) { return read.count(s) != 0; }))
                wanted.insert(states.begin(), states.end());
    }

    Module& m_;
};

}  // namespace

Result<bool> keep_copies(Module& module, Diagnostics&) { return CopyKeeper(module).run(); }

}  // namespace gmc::passes
