// Anchors, roots, loops; then bodies by walking back from the roots.
#include "compiler/passes/fuse_elementwise.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <set>

#include "compiler/support/check.h"

namespace gmc::passes {
namespace {

using namespace ir;  // NOLINT

/// Ops that may be computed twice rather than stored, in units of a simple op such as an addition.
constexpr int kRecomputeCostMost = 24;
/// Tensors another loop may have to read anew so that a value need not be stored.
constexpr size_t kRecomputeReadsMost = 2;
/// Below this many elements loops of one depth and shape are always joined: starting one costs more
/// than running it.
constexpr int64_t kSmallSpace = 4096;

bool fusable(const Operation& op) {
    const OpInfo& info = op.info();
    return info.has(kElementwise) || info.has(kGenerator) || info.has(kReduction) ||
           op.as<Broadcast>() != nullptr;
}

int cost_of(const Operation& op) {
    if (op.as<RandomNormal>() != nullptr) return 12;
    if (op.as<RandomUniform>() != nullptr) return 6;
    static const std::set<std::string_view> kFunctions = {
        "cos", "div", "erf", "exp", "log", "pow", "sigmoid", "sin", "softplus", "sqrt", "tanh"};
    return kFunctions.count(op.info().name) != 0 ? 4 : 1;
}

/// A loop to be: the roots it computes, and what it reads from memory.
struct Loop {
    Shape space;
    int level = 0;
    std::set<int> roots;      ///< indices of operations
    std::set<int> members;    ///< all operations of its body
    std::set<ValueId> reads;  ///< anchors of its own space computed elsewhere
};

class State {
  public:
    explicit State(Function& function) : f_(function) {}

    bool run() {
        find_loops();
        return emit();
    }

    /// What run() would store, by operation of the function as it is, and why.
    std::vector<std::pair<size_t, std::string>> stored() {
        find_loops();
        std::vector<std::pair<size_t, std::string>> out;
        for (size_t i = 0; i < f_.operations.size(); ++i) {
            const bool loop = is_root(static_cast<int>(i)) && !f_.type(op(i).result()).is_scalar();
            std::string why = loop ? why_stored(static_cast<int>(i)) : "";
            if (!why.empty()) out.emplace_back(i, std::move(why));
        }
        return out;
    }

  private:
    void find_loops() {
        index();
        find_first_anchors();
        do form_loops();
        while (add_anchor());
    }

    void index() {
        producer_.assign(f_.values.size(), -1);
        users_.resize(f_.values.size());
        for (size_t i = 0; i < f_.operations.size(); ++i) {
            for (ValueId v : f_.operations[i].results) producer_[v] = static_cast<int>(i);
            for (ValueId v : f_.operations[i].operands) users_[v].push_back(static_cast<int>(i));
        }
    }

    const Operation& op(size_t i) const { return f_.operations[i]; }
    bool fusable_at(int i) const { return i >= 0 && fusable(op(i)); }

    /// The iteration space of a fusable op.
    const Shape& space(int i) const {
        const Operation& o = op(i);
        return f_.type(o.info().has(kReduction) ? o.operands[0] : o.result()).shape;
    }

    /// What must be in memory whatever the loops: it is made or read by another kind of op, or
    /// leaves the function.
    void find_first_anchors() {
        anchor_.assign(f_.values.size(), false);
        for (size_t v = 0; v < f_.values.size(); ++v) {
            const int p = producer_[v];
            anchor_[v] = !fusable_at(p) || op(p).info().has(kReduction);
            for (int user : users_[v]) {
                const Operation& u = op(user);
                // A broadcast reads from outside its loop; so does any op of another shape.
                if (!fusable(u) || (u.as<Broadcast>() != nullptr)) anchor_[v] = true;
            }
        }
        for (const Update& u : f_.updates) anchor_[u.value] = true;
        for (const NamedValue& r : f_.results) anchor_[r.value] = true;
        // A constant or a broadcast is cheaper to make than to read, unless another kind of op
        // reads it.
    }

    /// Walks back from operation `i` to anchors. `inside` collects ops, `leaves` the anchors of the
    /// same space that are read, `outer` the operands of broadcasts.
    void closure(int i, const std::set<int>& computed_here, std::set<int>& inside,
                 std::set<ValueId>& leaves, std::set<ValueId>& outer) const {
        if (!inside.insert(i).second) return;
        for (ValueId v : op(i).operands) {
            const int p = producer_[v];
            if (op(i).as<Broadcast>() != nullptr)
                outer.insert(v);
            else if (anchor_[v] && computed_here.count(p) == 0)
                leaves.insert(v);
            else
                closure(p, computed_here, inside, leaves, outer);
        }
    }

    bool is_root(int i) const { return fusable(op(i)) && anchor_[op(i).result()]; }

    void form_loops() {
        loops_.clear();
        loop_of_.assign(f_.operations.size(), -1);
        level_.assign(f_.operations.size(), 0);
        root_leaves_.assign(f_.operations.size(), {});
        for (size_t i = 0; i < f_.operations.size(); ++i) find_level(static_cast<int>(i));
        join_roots();
        for (Loop& loop : loops_) {
            std::set<ValueId> outer;
            for (int root : loop.roots) closure(root, loop.roots, loop.members, loop.reads, outer);
        }
    }

    /// Depth: a root may share its loop with a root of the same space that it reads; everything
    /// else comes one later.
    void find_level(int i) {
        const auto after = [&](ValueId v) {
            return producer_[v] < 0 ? 0 : level_[producer_[v]] + 1;
        };
        if (!fusable(op(i))) {
            for (ValueId v : op(i).operands)
                level_[i] = std::max(level_[i], producer_[v] < 0 ? 0 : level_of(v) + 1);
            return;
        }
        if (!is_root(i)) return;
        std::set<int> inside;
        std::set<ValueId> outer;
        closure(i, {}, inside, root_leaves_[i], outer);
        for (ValueId v : outer) level_[i] = std::max(level_[i], after(v));
        for (ValueId v : root_leaves_[i]) {
            const int p = producer_[v];
            const bool joinable =
                fusable_at(p) && !op(p).info().has(kReduction) && space(p) == space(i);
            level_[i] = std::max(level_[i], joinable ? level_[p] : after(v));
        }
    }
    int level_of(ValueId v) const { return producer_[v] < 0 ? -1 : level_[producer_[v]]; }

    /// Union of roots with one level and space that read a common tensor or each other.
    void join_roots() {
        std::map<std::pair<int, Shape>, std::vector<int>> groups;
        for (size_t i = 0; i < f_.operations.size(); ++i)
            if (is_root(static_cast<int>(i)))
                groups[{level_[i], space(static_cast<int>(i))}].push_back(static_cast<int>(i));
        for (const auto& [key, roots] : groups) {
            const int64_t elements = Type{DType::kF32, key.second}.elements();
            for (int root : roots)
                loop_of_[root] = join(root, key.first, key.second, elements <= kSmallSpace);
        }
        // Joining empties loops; close the gaps.
        std::vector<Loop> kept;
        for (Loop& loop : loops_) {
            if (loop.roots.empty()) continue;
            for (int root : loop.roots) loop_of_[root] = static_cast<int>(kept.size());
            kept.push_back(std::move(loop));
        }
        loops_ = std::move(kept);
    }

    /// The loop for `root`: a new one that swallows every loop of its group it is connected with.
    int join(int root, int level, const Shape& space, bool always) {
        Loop loop{space, level, {root}, {}, root_leaves_[root]};
        loop.reads.insert(op(root).result());
        for (Loop& other : loops_) {
            if (other.roots.empty() || other.level != level || other.space != space) continue;
            const bool common = std::any_of(loop.reads.begin(), loop.reads.end(),
                                            [&](ValueId v) { return other.reads.count(v) != 0; });
            if (!common && !always) continue;
            loop.roots.insert(other.roots.begin(), other.roots.end());
            loop.reads.insert(other.reads.begin(), other.reads.end());
            other.roots.clear();
        }
        loops_.push_back(std::move(loop));
        for (int r : loops_.back().roots) loop_of_[r] = static_cast<int>(loops_.size()) - 1;
        return static_cast<int>(loops_.size()) - 1;
    }

    /// Finds the last value that several loops compute and that is too dear for that; makes it an
    /// anchor.
    bool add_anchor() {
        for (Loop& loop : loops_) {
            loop.reads.clear();
            loop.members.clear();
            std::set<ValueId> outer;
            for (int root : loop.roots) closure(root, loop.roots, loop.members, loop.reads, outer);
        }
        std::vector<std::vector<int>> loops_with(f_.operations.size());
        for (size_t l = 0; l < loops_.size(); ++l)
            for (int member : loops_[l].members) loops_with[member].push_back(static_cast<int>(l));
        for (size_t i = f_.operations.size(); i-- > 0;) {
            if (loops_with[i].size() < 2 || anchor_[op(static_cast<int>(i)).result()]) continue;
            std::string why = too_dear(static_cast<int>(i), loops_with[i]);
            if (why.empty()) continue;
            anchor_[op(i).result()] = true;
            dear_[op(i).result()] = std::move(why);
            return true;
        }
        return false;
    }

    /// Why several loops had better read the result of operation `i`; "" when they may compute it.
    std::string too_dear(int i, const std::vector<int>& loops) const {
        if (op(i).as<Broadcast>() != nullptr || op(i).as<Constant>() != nullptr) return "";
        std::set<int> inside;
        std::set<ValueId> leaves, outer;
        closure(i, {}, inside, leaves, outer);
        const int cost = std::accumulate(inside.begin(), inside.end(), 0,
                                         [&](int sum, int k) { return sum + cost_of(op(k)); });
        if (cost > kRecomputeCostMost)
            return fmt::format("too dear to compute twice: as much as {} additions, over {}", cost,
                               kRecomputeCostMost);
        for (int l : loops) {
            // What the loop would read without this value.
            std::set<int> rest{i};
            std::set<ValueId> other_reads, ignored;
            for (int root : loops_[l].roots)
                if (root != i) closure(root, loops_[l].roots, rest, other_reads, ignored);
            const size_t anew = std::count_if(leaves.begin(), leaves.end(),
                                              [&](ValueId v) { return other_reads.count(v) == 0; });
            if (anew > kRecomputeReadsMost)
                return fmt::format(
                    "to compute it twice, a loop would read {} more tensors, over {}", anew,
                    kRecomputeReadsMost);
        }
        return "";
    }

    // ---- explanation ----

    /// Whether `loop` reads `v` from memory.
    bool reads(const Loop& loop, ValueId v) const {
        return loop.members.count(producer_[v]) == 0 &&
               std::any_of(users_[v].begin(), users_[v].end(),
                           [&](int user) { return loop.members.count(user) != 0; });
    }

    /// What reads the result of operation `i`, when that is a reshape; else `i`.
    int reader_behind(int i) const {
        while (op(i).as<Reshape>() != nullptr && !users_[op(i).result()].empty())
            i = users_[op(i).result()].front();
        return i;
    }

    /// Whether operation `i` only looks at a part of what it reads that nothing reads but the end
    /// of the function: what a state becomes.
    bool is_end(int i) const {
        const std::vector<int>& readers = users_[op(i).result()];
        return (op(i).as<Slice>() != nullptr || op(i).as<Reshape>() != nullptr) &&
               std::all_of(readers.begin(), readers.end(), [&](int user) { return is_end(user); });
    }

    /// "matmul %y"
    std::string described(int i) const {
        return fmt::format("{} %{}", op(i).info().name, f_.values[op(i).result()].name);
    }

    /// Why the result of root `i` goes through memory; "" when nothing but the end of the function
    /// reads it there.
    std::string why_stored(int i) const {
        const ValueId v = op(i).result();
        for (int user : users_[v])
            if (!fusable(op(user)) && !is_end(user))
                return "read by " + described(reader_behind(user));
        const Loop* reader = nullptr;
        for (const Loop& loop : loops_)
            if (reads(loop, v) && (reader == nullptr || loop.space != space(i))) reader = &loop;
        if (reader == nullptr) return "";
        if (op(i).info().has(kReduction)) return "a reduction, complete when its loop has ended";
        if (const auto dear = dear_.find(v); dear != dear_.end()) return dear->second;
        if (reader->space != space(i))
            return fmt::format("read by a loop over another space, {}", to_string(reader->space));
        return "a result or a new state, which a later loop reads instead of computing it again";
    }

    // ---- emission ----

    bool emit() {
        std::vector<Operation> before = f_.operations;
        std::vector<Operation> out;
        std::vector<bool> loop_done(loops_.size(), false);
        std::vector<bool> available(f_.values.size(), false);
        for (size_t v = 0; v < producer_.size(); ++v) available[v] = producer_[v] < 0;
        // Repeated sweeps in program order, each placing whatever is ready: a loop stands where its
        // last operand is made.
        size_t left = 1;
        while (left > 0) {
            left = 0;
            const size_t placed_before = out.size();
            for (size_t i = 0; i < before.size(); ++i) {
                const int l = loop_of_[i];
                if (fusable(before[i])) {
                    if (l < 0 || loop_done[l]) continue;
                    if (!place_loop(loops_[l], before, available, out)) {
                        ++left;
                        continue;
                    }
                    loop_done[l] = true;
                } else if (!available[before[i].result()]) {
                    if (!ready(before[i].operands, available)) {
                        ++left;
                        continue;
                    }
                    out.push_back(before[i]);
                    for (ValueId v : before[i].results) available[v] = true;
                }
            }
            GMC_CHECK(left == 0 || out.size() > placed_before, "loops wait for each other");
        }
        const bool changed = !same(before, out);
        f_.operations = std::move(out);
        return changed;
    }

    static bool ready(const std::vector<ValueId>& values, const std::vector<bool>& available) {
        return std::all_of(values.begin(), values.end(), [&](ValueId v) { return available[v]; });
    }

    bool place_loop(const Loop& loop, const std::vector<Operation>& before,
                    std::vector<bool>& available, std::vector<Operation>& out) {
        Operation fused{Fused{loop.space}, {}, {}, before[*loop.roots.begin()].location, {}};
        std::set<ValueId> computed;
        for (int member : loop.members)
            for (ValueId v : before[member].results) computed.insert(v);
        for (int member : loop.members)
            for (ValueId v : before[member].operands)
                if (computed.count(v) == 0 &&
                    std::find(fused.operands.begin(), fused.operands.end(), v) ==
                        fused.operands.end())
                    fused.operands.push_back(v);
        if (!ready(fused.operands, available)) return false;
        // A value that another loop computes too, or that is a root of another loop, gets a name of
        // its own here.
        std::map<ValueId, ValueId> renames;
        for (int member : loop.members) {
            Operation copy = before[member];
            for (ValueId& v : copy.operands)
                if (renames.count(v) != 0) v = renames[v];
            const ValueId original = copy.results[0];
            if (loop.roots.count(member) != 0) {
                fused.results.push_back(original);
                available[original] = true;
            } else if (!emitted_.insert(original).second) {
                copy.results[0] = renames[original] =
                    f_.add_value(f_.values[original].name, f_.type(original));
            }
            fused.body.push_back(std::move(copy));
        }
        if (fused.body.size() == 1)
            out.push_back(std::move(fused.body.front()));
        else
            out.push_back(std::move(fused));
        return true;
    }

    static bool same(const std::vector<Operation>& a, const std::vector<Operation>& b) {
        if (a.size() != b.size()) return false;
        for (size_t i = 0; i < a.size(); ++i)
            if (a[i].results != b[i].results || !b[i].body.empty()) return false;
        return true;
    }

    Function& f_;
    std::vector<int> producer_;            ///< by value: the operation that makes it, or -1
    std::vector<std::vector<int>> users_;  ///< by value
    std::vector<bool> anchor_;             ///< by value: it is in memory
    /// Anchors that are only too dear to compute twice, and why.
    std::map<ValueId, std::string> dear_;
    std::vector<int> level_;  ///< by operation
    std::vector<std::set<ValueId>> root_leaves_;
    std::vector<int> loop_of_;  ///< by operation: the loop whose root it is, or -1
    std::vector<Loop> loops_;
    std::set<ValueId> emitted_;  ///< values computed inside some loop so far
};

}  // namespace

Result<bool> fuse_elementwise(Module& module, Diagnostics&) {
    bool changed = false;
    for (Function& function : module.functions) changed |= State(function).run();
    return changed;
}

std::vector<StoredTensor> stored_tensors(const Module& module) {
    std::vector<StoredTensor> out;
    for (const Function& function : module.functions) {
        Function copy = function;
        for (auto& [index, reason] : State(copy).stored())
            out.push_back({&function, &function.operations[index], std::move(reason)});
    }
    return out;
}

}  // namespace gmc::passes
