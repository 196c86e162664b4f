// Wishes, chains, new numbers.
#include "compiler/passes/memory/order_states.h"

#include <algorithm>
#include <map>

#include "compiler/passes/memory/memory_views.h"

namespace gmc::passes {
namespace {

using namespace ir;  // NOLINT

/// States that want to lie behind one another.
struct Wish {
    int64_t bytes = 0;
    std::vector<StateId> states;
};

class State {
  public:
    explicit State(Module& module)
        : m_(module), next_(module.states.size(), kNone), previous_(module.states.size(), kNone) {}

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
    void find_packs(const Function& f) {
        for (const Operation& op : f.operations) {
            if (op.as<Pack>() == nullptr) continue;
            Wish wish{f.type(op.result()).bytes(), {}};
            for (ValueId v : op.operands)
                if (f.values[v].state != kNone) wish.states.push_back(f.values[v].state);
            if (wish.states.size() == op.operands.size()) wishes_.push_back(std::move(wish));
        }
    }

    void find_updates(const Function& f) {
        const MemoryViews views(f);
        std::map<ValueId, std::map<int64_t, StateId>> parts;  // value -> bytes -> state
        for (const Update& u : f.updates) {
            const View at = views.root(u.value);
            parts[at.of].emplace(at.bytes, u.state);
        }
        for (const auto& [value, states] : parts) {
            Wish wish{f.type(value).bytes(), {}};
            for (const auto& [bytes, state] : states) wish.states.push_back(state);
            wishes_.push_back(std::move(wish));
        }
    }

    void link(StateId a, StateId b) {
        if (next_[a] != kNone || previous_[b] != kNone || last_of(b) == a) return;
        next_[a] = b;
        previous_[b] = a;
    }
    StateId last_of(StateId state) const {
        while (next_[state] != kNone) state = next_[state];
        return state;
    }

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
        for (Function& f : m_.functions) {
            for (Value& v : f.values) {
                if (v.state != kNone) v.state = number[v.state];
                if (v.home != kNone) v.home = number[v.home];
            }
            for (Update& u : f.updates) u.state = number[u.state];
        }
        return true;
    }

    Module& m_;
    std::vector<Wish> wishes_;
    std::vector<StateId> next_, previous_;  ///< by state: its neighbours, where they are wanted
};

}  // namespace

Result<bool> order_states(Module& module, Diagnostics&) { return State(module).run(); }

}  // namespace gmc::passes
