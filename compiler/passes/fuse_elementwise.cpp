// Writes the loops that loop_grouping decided on (Fuser), and says why values are stored between
// loops (Explainer, for `--explain-fusion`).
#include "compiler/passes/fuse_elementwise.h"

#include <fmt/format.h>

#include <algorithm>
#include <queue>
#include <unordered_map>
#include <unordered_set>

#include "compiler/passes/loop_grouping.h"
#include "compiler/support/check.h"

namespace gmc::passes {
namespace {

using namespace ir;  // NOLINT

/// Says why values go through memory. It asks the grouping again and looks at the readers of each
/// root: the first reason that applies is given.
class Explainer {
  public:
    explicit Explainer(const Function& function) : f_(function), grouping_(function) {
        loops_with_.resize(f_.operations.size());
        for (size_t l = 0; l < grouping_.loops().size(); ++l)
            for (int member : grouping_.loops()[l].members)
                loops_with_[member].push_back(static_cast<int>(l));
    }

    /// What is stored between loops and other operations: the operation that makes it, and why.
    std::vector<std::pair<size_t, std::string>> stored() const {
        std::vector<std::pair<size_t, std::string>> out;
        for (size_t i = 0; i < f_.operations.size(); ++i) {
            const auto k = static_cast<int>(i);
            const bool tensor = grouping_.is_root(k) && !f_.type(op(k).result()).is_scalar();
            std::string why = tensor ? why_stored(k) : "";
            if (!why.empty()) out.emplace_back(i, std::move(why));
        }
        return out;
    }

  private:
    const Operation& op(int i) const { return f_.operations[i]; }
    const std::vector<int>& users(int i) const { return grouping_.users(op(i).result()); }

    /// What reads the result of operation `i`, when that is a reshape; else `i`.
    int reader_behind(int i) const {
        while (op(i).as<Reshape>() != nullptr && !users(i).empty()) i = users(i).front();
        return i;
    }

    /// Whether operation `i` is a slice or reshape that no operation reads, other than more of
    /// these: it is the new contents of a state.
    bool is_end(int i) const {
        return (op(i).as<Slice>() != nullptr || op(i).as<Reshape>() != nullptr) &&
               std::all_of(users(i).begin(), users(i).end(),
                           [&](int user) { return is_end(user); });
    }

    /// "matmul %y"
    std::string described(int i) const {
        return fmt::format("{} %{}", op(i).info().name, f_.values[op(i).result()].name);
    }

    /// A loop that reads the result of root `i` from memory, one over another space if there is
    /// such a loop; null when none does.
    const LoopGroup* reading_loop(int i) const {
        std::vector<int> loops;
        for (int user : users(i))
            for (int l : loops_with_[user])
                if (l != grouping_.loop_of_root(i)) loops.push_back(l);
        std::sort(loops.begin(), loops.end());
        const LoopGroup* reader = nullptr;
        for (int l : loops) {
            const LoopGroup& loop = grouping_.loops()[l];
            if (reader == nullptr || loop.space != grouping_.space(i)) reader = &loop;
        }
        return reader;
    }

    /// Why the result of root `i` goes through memory; "" when nothing but the end of the function
    /// reads it there.
    std::string why_stored(int i) const {
        for (int user : users(i))
            if (!grouping_.is_fusable(user) && !is_end(user))
                return "read by " + described(reader_behind(user));
        const LoopGroup* reader = reading_loop(i);
        if (reader == nullptr) return "";
        if (op(i).info().has(kReduction)) return "a reduction, complete when its loop has ended";
        if (const std::string* reason = grouping_.why_costly(op(i).result())) return *reason;
        if (reader->space != grouping_.space(i))
            return fmt::format("read by a loop over another space, {}", to_string(reader->space));
        return "a result or a new state, which a later loop reads instead of computing it again";
    }

    const Function& f_;
    LoopGrouping grouping_;
    std::vector<std::vector<int>> loops_with_;  ///< by operation: loops that compute it
};

/// Writes a function anew with `fused` ops.
///
/// The new order comes from repeated sweeps through the old program. When a sweep reaches an
/// operation, or a root of a loop, whose operands are all in the new program, it appends that
/// operation or loop to the new program. So a loop stands about where its last operand is made.
class Fuser {
  public:
    explicit Fuser(Function& function) : f_(function), grouping_(function) {}

    bool run() {
        make_items();
        count_missing();
        while (!ready_.empty()) {
            now_ = ready_.top();
            ready_.pop();
            const Item& item = items_[item_at_[now_.place]];
            if (item.loop >= 0)
                place_loop(item);
            else
                place(f_.operations[now_.place]);
        }
        GMC_CHECK(after_.size() == items_.size(), "loops wait for each other");
        const bool changed = !same(f_.operations, after_);
        f_.operations = std::move(after_);
        return changed;
    }

  private:
    /// An operation that is no part of a loop, or a loop.
    struct Item {
        int loop = -1;            ///< index of a loop
        std::vector<int> places;  ///< in the old program, increasing
        std::vector<ValueId> operands;
        int missing = 0;  ///< operands that have not been placed
    };
    /// When an item is placed: turns are ordered by sweep, then by place in the old program.
    struct Turn {
        int sweep = 0;
        int place = 0;
        bool operator>(const Turn& other) const {
            return std::pair(sweep, place) > std::pair(other.sweep, other.place);
        }
    };

    void make_items() {
        item_at_.assign(f_.operations.size(), -1);
        for (size_t l = 0; l < grouping_.loops().size(); ++l) {
            const LoopGroup& loop = grouping_.loops()[l];
            for (int root : loop.roots) item_at_[root] = static_cast<int>(items_.size());
            items_.push_back({static_cast<int>(l), loop.roots, operands_of(loop)});
        }
        for (size_t i = 0; i < f_.operations.size(); ++i) {
            if (grouping_.is_fusable(static_cast<int>(i))) continue;
            item_at_[i] = static_cast<int>(items_.size());
            items_.push_back({-1, {static_cast<int>(i)}, f_.operations[i].operands});
        }
    }

    /// What a loop reads from outside, in order of first use.
    std::vector<ValueId> operands_of(const LoopGroup& loop) const {
        std::unordered_set<ValueId> known;
        for (int member : loop.members) known.insert(f_.operations[member].result());
        std::vector<ValueId> operands;
        for (int member : loop.members)
            for (ValueId v : f_.operations[member].operands)
                if (known.insert(v).second) operands.push_back(v);
        return operands;
    }

    /// Counts for each item how many operands other items still have to compute, and puts the items
    /// that miss nothing into the first sweep.
    void count_missing() {
        waiting_.resize(f_.values.size());
        for (size_t n = 0; n < items_.size(); ++n) {
            for (ValueId v : items_[n].operands) {
                if (grouping_.producer(v) < 0) continue;
                waiting_[v].push_back(static_cast<int>(n));
                ++items_[n].missing;
            }
            if (items_[n].missing == 0) ready_.push({0, items_[n].places.front()});
        }
    }

    /// Puts an operation at the end of the new program. An item that missed nothing but its results
    /// is ready now, and is placed when a sweep next comes to one of its places.
    void place(Operation op) {
        for (ValueId result : op.results)
            for (int n : waiting_[result]) {
                Item& item = items_[n];
                if (--item.missing > 0) continue;
                const auto next =
                    std::upper_bound(item.places.begin(), item.places.end(), now_.place);
                const bool passed = next == item.places.end();
                ready_.push({now_.sweep + (passed ? 1 : 0), passed ? item.places.front() : *next});
            }
        after_.push_back(std::move(op));
    }

    /// Writes a loop: a `fused` operation with a copy of each member in its body. A loop of one
    /// member is written as that operation.
    void place_loop(const Item& item) {
        const LoopGroup& loop = grouping_.loops()[item.loop];
        Operation fused{
            Fused{loop.space}, item.operands, {}, f_.operations[loop.roots.front()].location, {}};
        // A value that another loop computes too, or that is a root of another loop, gets a name of
        // its own here.
        std::unordered_map<ValueId, ValueId> renames;
        for (int member : loop.members) {
            Operation copy = f_.operations[member];
            for (ValueId& v : copy.operands)
                if (const auto renamed = renames.find(v); renamed != renames.end())
                    v = renamed->second;
            const ValueId original = copy.result();
            if (grouping_.loop_of_root(member) == item.loop)
                fused.results.push_back(original);
            else if (!emitted_.insert(original).second)
                copy.results[0] = renames[original] =
                    f_.add_value(f_.values[original].name, f_.type(original));
            fused.body.push_back(std::move(copy));
        }
        place(fused.body.size() == 1 ? std::move(fused.body.front()) : std::move(fused));
    }

    /// Whether the function is as it was: the same operations in the same order, none of them in a
    /// loop.
    static bool same(const std::vector<Operation>& a, const std::vector<Operation>& b) {
        if (a.size() != b.size()) return false;
        for (size_t i = 0; i < a.size(); ++i)
            if (a[i].results != b[i].results || !b[i].body.empty()) return false;
        return true;
    }

    Function& f_;
    LoopGrouping grouping_;
    std::vector<Operation> after_;  ///< the new program
    std::vector<Item> items_;
    std::vector<int> item_at_;               ///< by place: the item, or -1
    std::vector<std::vector<int>> waiting_;  ///< by value: items that read it
    std::priority_queue<Turn, std::vector<Turn>, std::greater<>> ready_;
    Turn now_;                             ///< of the item that is being placed
    std::unordered_set<ValueId> emitted_;  ///< values computed inside some loop so far
};

}  // namespace

Result<bool> fuse_elementwise(Module& module, Diagnostics&) {
    bool changed = false;
    for (Function& function : module.functions) changed |= Fuser(function).run();
    return changed;
}

std::vector<StoredTensor> stored_tensors(const Module& module) {
    std::vector<StoredTensor> out;
    for (const Function& function : module.functions)
        for (auto& [index, reason] : Explainer(function).stored())
            out.push_back({&function, &function.operations[index], std::move(reason)});
    return out;
}

}  // namespace gmc::passes
