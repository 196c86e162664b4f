// Collects which states should be neighbours ("wishes"), links states to chains by them, the
// largest wish first, and renumbers the states chain by chain.
#include "compiler/passes/memory/order_states.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "compiler/passes/memory/memory_views.h"

namespace gmc::passes {
namespace {

using namespace ir;  // NOLINT

/// States that should lie one behind the other, and the bytes that need no copy if they do.
struct Wish {
    int64_t bytes = 0;
    std::vector<StateId> states;
};

class StateOrderer {
  public:
    explicit StateOrderer(Module& module)
        : m_(module),
          next_(module.states.size(), kNone),
          previous_(module.states.size(), kNone),
          other_end_(module.states.size()) {
        std::iota(other_end_.begin(), other_end_.end(), 0);
    }

    bool run() {
        for (const Function& function : m_.functions) {
            find_packs(function);
            find_updates(function);
        }
        std::stable_sort(wishes_.begin(), wishes_.end(),
                         [](const Wish& a, const Wish& b) { return a.bytes > b.bytes; });
        for (const Wish& wish : wishes_)
            for (size_t i = 1; i < wish.states.size(); ++i)
                link(wish.states[i - 1], wish.states[i]);
        return renumber();
    }

  private:
    /// Wishes of packs of states.
    void find_packs(const Function& f) {
        for (const Operation& op : f.operations) {
            if (op.as<Pack>() == nullptr) continue;
            Wish wish{f.type(op.result()).bytes(), {}};
            for (ValueId v : op.operands)
                if (f.values[v].state != kNone) wish.states.push_back(f.values[v].state);
            if (wish.states.size() == op.operands.size()) wishes_.push_back(std::move(wish));
        }
    }

    /// Wishes of values whose parts become states: in the order in which the parts lie in the
    /// value.
    void find_updates(const Function& f) {
        const MemoryViews views(f);
        std::map<ValueId, std::map<int64_t, StateId>> parts;  // value -> bytes -> state
        for (const Update& u : f.updates) {
            const View at = views.container(u.value);
            parts[at.of].emplace(at.bytes, u.state);
        }
        for (const auto& [value, states] : parts) {
            Wish wish{f.type(value).bytes(), {}};
            for (const auto& [bytes, state] : states) wish.states.push_back(state);
            wishes_.push_back(std::move(wish));
        }
    }

    /// Puts `b` behind `a`, unless either has another neighbour there, or `a` ends the chain that
    /// `b` begins.
    void link(StateId a, StateId b) {
        if (next_[a] != kNone || previous_[b] != kNone || other_end_[b] == a) return;
        next_[a] = b;
        previous_[b] = a;
        const StateId first = other_end_[a], last = other_end_[b];
        other_end_[first] = last;
        other_end_[last] = first;
    }

    /// Writes the chains one after another, each where its first member in the old order stood, and
    /// tells everything that refers to states by number.
    bool renumber() {
        std::vector<StateId> order;
        std::vector<bool> placed(m_.states.size(), false);
        for (size_t i = 0; i < m_.states.size(); ++i) {
            auto state = static_cast<StateId>(i);
            if (placed[state]) continue;
            while (previous_[state] != kNone) state = previous_[state];
            for (; state != kNone; state = next_[state]) {
                order.push_back(state);
                placed[state] = true;
            }
        }
        if (std::is_sorted(order.begin(), order.end())) return false;
        std::vector<ir::State> states;
        std::vector<StateId> number(order.size());
        for (size_t i = 0; i < order.size(); ++i) {
            states.push_back(std::move(m_.states[order[i]]));
            number[order[i]] = static_cast<StateId>(i);
        }
        m_.states = std::move(states);
        for (ir::State& s : m_.states)
            if (s.source != kNone) s.source = number[s.source];
        for (Function& f : m_.functions) f.renumber_states(number);
        return true;
    }

    Module& m_;
    std::vector<Wish> wishes_;
    std::vector<StateId> next_, previous_;  ///< by state: its neighbours, where they are wanted
    std::vector<StateId> other_end_;        ///< of a chain's first state the last, and the reverse
};

}  // namespace

Result<bool> order_states(Module& module, Diagnostics&) { return StateOrderer(module).run(); }

}  // namespace gmc::passes
