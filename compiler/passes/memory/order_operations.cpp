// List scheduling by bytes, in both directions; the planner is the judge.
#include "compiler/passes/memory/order_operations.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "compiler/passes/memory/memory_views.h"
#include "compiler/passes/memory/plan_memory.h"

namespace gmc::passes {
namespace {

using namespace ir;  // NOLINT

using Order = std::vector<int>;  ///< indices of operations

/// An order must need less than this share of the arena to replace what is there.
constexpr double kWorthChanging = 0.99;

class State {
  public:
    explicit State(Function& function)
        : f_(function),
          views_(function),
          count_(static_cast<int>(function.operations.size())),
          before_(count_),
          after_(count_) {
        find_edges();
        find_memory();
    }

    bool run() {
        const int64_t bytes = arena_bytes_of(f_);
        auto limit = static_cast<int64_t>(kWorthChanging * static_cast<double>(bytes));
        std::vector<Operation> best;
        for (const bool backward : {false, true}) {
            Function candidate = f_;
            candidate.operations.clear();
            for (int i : scheduled(backward)) candidate.operations.push_back(f_.operations[i]);
            const int64_t found = arena_bytes_of(candidate);
            if (found >= limit) continue;
            limit = found;
            best = std::move(candidate.operations);
        }
        if (best.empty()) return false;
        f_.operations = std::move(best);
        return true;
    }

  private:
    void add_edge(int from, int to) {
        before_[to].insert(from);
        after_[from].insert(to);
    }

    void find_edges() {
        std::vector<int> maker(f_.values.size(), kNone);
        for (int i = 0; i < count_; ++i)
            for (ValueId v : f_.operations[i].results) maker[v] = i;
        std::vector<std::vector<int>> readers(f_.values.size());
        for (int i = 0; i < count_; ++i)
            for (ValueId v : f_.operations[i].operands) {
                if (maker[v] != kNone) add_edge(maker[v], i);
                readers[views_.root(v).of].push_back(i);
            }
        for (const Update& u : f_.updates) {
            const int writer = maker[views_.root(u.value).of];
            for (size_t v = 0; v < f_.values.size() && writer != kNone; ++v)
                if (is_of(static_cast<ValueId>(v), u.state))
                    for (int reader : readers[v])
                        if (reader < writer) add_edge(reader, writer);
        }
    }

    /// Whether a value is this state, or a pack with it.
    bool is_of(ValueId value, StateId state) const {
        const std::vector<ValueId>& states = views_.states(value);
        return std::any_of(states.begin(), states.end(),
                           [&](ValueId v) { return f_.values[v].state == state; });
    }

    /// What operations read and make, as pieces of memory that come and go as a whole.
    void find_memory() {
        bytes_.assign(f_.values.size(), 0);
        touches_.resize(count_);
        users_.assign(f_.values.size(), 0);
        std::set<ValueId> kept;
        for (const Update& u : f_.updates) kept.insert(views_.root(u.value).of);
        for (const NamedValue& r : f_.results) kept.insert(views_.root(r.value).of);
        for (int i = 0; i < count_; ++i) {
            std::set<ValueId> pieces;
            for (ValueId v : f_.operations[i].operands) pieces.insert(views_.root(v).of);
            for (ValueId v : f_.operations[i].results) pieces.insert(views_.root(v).of);
            for (ValueId v : pieces) {
                if (!views_.states(v).empty() || kept.count(v) != 0) continue;
                bytes_[v] = aligned_bytes(f_.type(v));
                ++users_[v];
                touches_[i].push_back(v);
            }
        }
    }

    /// What operation `i` adds to the memory in use when it comes next: pieces that nothing has
    /// touched so far, less those that nothing else will touch.
    int64_t added(int i, const std::vector<int>& touched) const {
        int64_t bytes = 0;
        for (ValueId v : touches_[i]) {
            if (touched[v] == 0) bytes += bytes_[v];
            if (touched[v] + 1 == users_[v]) bytes -= bytes_[v];
        }
        return bytes;
    }

    Order scheduled(bool backward) const {
        const auto &waits = backward ? after_ : before_, &frees = backward ? before_ : after_;
        std::vector<int> waiting(count_), touched(f_.values.size(), 0);
        std::set<int> ready;
        for (int i = 0; i < count_; ++i) {
            waiting[i] = static_cast<int>(waits[i].size());
            if (waiting[i] == 0) ready.insert(i);
        }
        Order order;
        while (!ready.empty()) {
            // Among equals what comes first (or last) in the program.
            const int next = *std::min_element(ready.begin(), ready.end(), [&](int x, int y) {
                return std::pair(added(x, touched), backward ? -x : x) <
                       std::pair(added(y, touched), backward ? -y : y);
            });
            ready.erase(next);
            order.push_back(next);
            for (ValueId v : touches_[next]) ++touched[v];
            for (int i : frees[next])
                if (--waiting[i] == 0) ready.insert(i);
        }
        if (backward) std::reverse(order.begin(), order.end());
        return order;
    }

    Function& f_;
    MemoryViews views_;
    int count_;
    std::vector<std::set<int>> before_, after_;  ///< by operation: what must come before and after
    std::vector<int64_t> bytes_;                 ///< by value (roots); 0: needs none, or always
    std::vector<int> users_;                     ///< by value (roots): operations that touch it
    std::vector<std::vector<ValueId>> touches_;  ///< by operation
};

}  // namespace

Result<bool> order_operations(Module& module, Diagnostics&) {
    bool changed = false;
    for (Function& function : module.functions) changed |= State(function).run();
    return changed;
}

}  // namespace gmc::passes
