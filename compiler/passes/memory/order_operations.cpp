// List scheduling by bytes: of the operations that could come next, the one that adds least to the
// memory in use is taken, once from the beginning and once from the end. Of these two orders and
// the present one, that is kept for which plan_memory needs the smallest arena; finding the best
// order of all is NP-hard. A schedule takes about n log n steps: an operation's priority changes
// only when a piece of memory that it touches is touched for the first time, or for the last time
// but one.
#include "compiler/passes/memory/order_operations.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <map>
#include <set>

#include "compiler/passes/memory/memory_views.h"
#include "compiler/passes/memory/plan_memory.h"

namespace gmc::passes {
namespace {

using namespace ir;  // NOLINT

using Order = std::vector<int>;  ///< indices of operations

/// A new order replaces the present one when its arena is smaller than this share of the present
/// one.
constexpr double kWorthChanging = 0.99;

/// Orders one function. `before_` and `after_` are the edges between operations; memory is counted
/// in pieces, which are containers (memory_views.h).
class Orderer {
  public:
    Orderer(const Module& module, Function& function)
        : m_(module),
          f_(function),
          views_(function),
          count_(static_cast<int>(function.operations.size())),
          before_(count_),
          after_(count_) {
        find_edges();
        find_memory();
    }

    /// Tries both schedules. The function is rearranged to measure an order with arena_bytes_of,
    /// and put back after.
    bool run() {
        const int64_t bytes = arena_bytes_of(m_, f_);
        auto limit = static_cast<int64_t>(kWorthChanging * static_cast<double>(bytes));
        Order best;
        for (const bool backward : {false, true}) {
            Order order = scheduled(backward);
            rearrange(order);
            const int64_t found = arena_bytes_of(m_, f_);
            rearrange(inverse(order));
            if (found >= limit) continue;
            limit = found;
            best = std::move(order);
        }
        if (best.empty()) return false;
        rearrange(best);
        return true;
    }

  private:
    /// Puts operation `order[k]` at place k.
    void rearrange(const Order& order) {
        std::vector<Operation> operations;
        operations.reserve(order.size());
        for (int i : order) operations.push_back(std::move(f_.operations[i]));
        f_.operations = std::move(operations);
    }

    static Order inverse(const Order& order) {
        Order out(order.size());
        for (size_t k = 0; k < order.size(); ++k) out[order[k]] = static_cast<int>(k);
        return out;
    }

    void add_edge(int from, int to) {
        before_[to].push_back(from);
        after_[from].push_back(to);
    }

    /// What must come before what: makers before readers; and where a state is read and later
    /// overwritten in place, the reader before the writer.
    void find_edges() {
        std::vector<int> maker(f_.values.size(), kNone);
        for (int i = 0; i < count_; ++i)
            for (ValueId v : f_.operations[i].results) maker[v] = i;
        std::vector<std::vector<int>> readers(f_.values.size());
        for (int i = 0; i < count_; ++i)
            for (ValueId v : f_.operations[i].operands) {
                if (maker[v] != kNone) add_edge(maker[v], i);
                readers[views_.container(v).of].push_back(i);
            }
        std::map<StateId, std::vector<ValueId>> values_of;  // states, and packs with them
        for (size_t v = 0; v < f_.values.size(); ++v)
            for (ValueId state : views_.states(static_cast<ValueId>(v)))
                values_of[f_.values[state].state].push_back(static_cast<ValueId>(v));
        for (const Update& u : f_.updates) {
            const int writer = maker[views_.container(u.value).of];
            if (writer == kNone) continue;
            for (ValueId old : values_of[u.state])
                for (int reader : readers[old])
                    if (reader < writer) add_edge(reader, writer);
        }
        for (std::vector<std::vector<int>>* edges : {&before_, &after_})
            for (std::vector<int>& list : *edges) {
                std::sort(list.begin(), list.end());
                list.erase(std::unique(list.begin(), list.end()), list.end());
            }
    }

    /// Finds which pieces of memory each operation reads or writes. Values that lie within another
    /// one count as that one.
    void find_memory() {
        bytes_.assign(f_.values.size(), 0);
        touches_.resize(count_);
        touched_by_.resize(f_.values.size());
        users_.assign(f_.values.size(), 0);
        std::set<ValueId> kept;
        for (const Update& u : f_.updates) kept.insert(views_.container(u.value).of);
        for (const NamedValue& r : f_.results) kept.insert(views_.container(r.value).of);
        for (int i = 0; i < count_; ++i) {
            std::set<ValueId> pieces;
            for (ValueId v : f_.operations[i].operands) pieces.insert(views_.container(v).of);
            for (ValueId v : f_.operations[i].results) pieces.insert(views_.container(v).of);
            for (ValueId v : pieces) {
                if (!views_.states(v).empty() || kept.count(v) != 0) continue;
                bytes_[v] = aligned_bytes(f_.type(v));
                ++users_[v];
                touches_[i].push_back(v);
                touched_by_[v].push_back(i);
            }
        }
    }

    /// By how much the memory in use grows when operation `i` comes next: the pieces that it is the
    /// first to touch, less those that it is the last to touch.
    int64_t added(int i, const std::vector<int>& touched) const {
        int64_t bytes = 0;
        for (ValueId v : touches_[i]) {
            if (touched[v] == 0) bytes += bytes_[v];
            if (touched[v] + 1 == users_[v]) bytes -= bytes_[v];
        }
        return bytes;
    }

    /// The operations that could come next, sorted by how much memory they add, and among equals by
    /// their place in the program.
    class Ready {
      public:
        Ready(const Orderer& orderer, bool backward)
            : o_(orderer),
              backward_(backward),
              touched_(orderer.f_.values.size(), 0),
              bytes_(orderer.count_, kNotReady) {}

        bool empty() const { return queue_.empty(); }
        void add(int i) {
            bytes_[i] = o_.added(i, touched_);
            queue_.insert(key(i));
        }
        int take() {
            const int i = std::abs(queue_.begin()->second);
            queue_.erase(queue_.begin());
            bytes_[i] = kNotReady;
            for (ValueId v : o_.touches_[i]) touch(v);
            return i;
        }

      private:
        static constexpr int64_t kNotReady = std::numeric_limits<int64_t>::max();

        std::pair<int64_t, int> key(int i) const { return {bytes_[i], backward_ ? -i : i}; }

        /// Notes that a piece was touched. The first touch, and the last but one, change how much
        /// memory other operations add.
        void touch(ValueId v) {
            const int touched = ++touched_[v];
            if (touched != 1 && touched + 1 != o_.users_[v]) return;
            for (int i : o_.touched_by_[v]) {
                if (bytes_[i] == kNotReady) continue;
                queue_.erase(key(i));
                add(i);
            }
        }

        const Orderer& o_;
        bool backward_;
        std::vector<int> touched_;    ///< by value: how often, so far
        std::vector<int64_t> bytes_;  ///< by operation: what it adds, where it is ready
        std::set<std::pair<int64_t, int>> queue_;
    };

    /// One schedule. Backward, the roles of before and after are swapped, and the result is
    /// reversed: then the operations are chosen whose placing at the end frees most.
    Order scheduled(bool backward) const {
        const auto &waits = backward ? after_ : before_, &frees = backward ? before_ : after_;
        std::vector<int> waiting(count_);
        Ready ready(*this, backward);
        for (int i = 0; i < count_; ++i) {
            waiting[i] = static_cast<int>(waits[i].size());
            if (waiting[i] == 0) ready.add(i);
        }
        Order order;
        while (!ready.empty()) {
            const int next = ready.take();
            order.push_back(next);
            for (int i : frees[next])
                if (--waiting[i] == 0) ready.add(i);
        }
        if (backward) std::reverse(order.begin(), order.end());
        return order;
    }

    const Module& m_;
    Function& f_;
    MemoryViews views_;
    int count_;
    std::vector<std::vector<int>> before_,
        after_;                   ///< by operation: what must come before and after
    std::vector<int64_t> bytes_;  ///< by value, of containers; 0: needs none, or always
    std::vector<int> users_;      ///< by value, of containers: operations that touch it
    std::vector<std::vector<ValueId>> touches_;  ///< by operation
    std::vector<std::vector<int>> touched_by_;   ///< by value, of containers
};

}  // namespace

Result<bool> order_operations(Module& module, Diagnostics&) {
    bool changed = false;
    for (Function& function : module.functions) {
        changed |= Orderer(module, function).run();
        // A body stands before the function that needs room for it.
        if (function.is_body) function.arena_bytes = arena_bytes_of(module, function);
    }
    return changed;
}

}  // namespace gmc::passes
