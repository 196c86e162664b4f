// Decides which ops share a loop, in three steps:
// 1. find_stored, find_levels, find_groups: which values are in memory in any case; how deep each
//    op lies in the graph of loops; and the candidates, which are the roots of one space and depth
//    that are connected by reading a common tensor.
// 2. store_costly_values: a value that several loops would compute, at too high a price, is stored:
//    its op becomes a root. Values are looked at from the last to the first, and the loops that
//    such a decision changes are formed anew.
// 3. finish: sorts the candidates and collects the members of each loop.
// A loop never needs the result of another loop of its own depth, so loops never wait for each
// other in a circle.
#include "compiler/passes/loop_grouping.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>
#include <tuple>

#include "compiler/ir/views.h"

namespace gmc::passes {

using namespace ir;  // NOLINT

namespace {

/// What may be computed twice rather than stored costs at most this, in additions per element
/// (OpInfo::cost): enough to draw normal random numbers again (18), such as a dropout's mask or a
/// VAE's noise, and to do some arithmetic with them.
constexpr int kRecomputeCostMost = 36;
/// A value need not be stored if other loops have to read at most this many more tensors to compute
/// it anew: storing it costs a write and a read as well.
constexpr size_t kRecomputeReadsMost = 2;
/// A slice or pad in a loop copies pieces of at least this many elements: a copy of its own has
/// code for shorter ones.
constexpr int64_t kWindowPieceLeast = 32;
/// Below this many elements loops of one depth and shape are always joined: starting one costs more
/// than running it.
constexpr int64_t kSmallSpace = 4096;

/// Which of the numbers 0 .. count - 1 belong together (union-find with path halving).
class DisjointSets {
  public:
    explicit DisjointSets(size_t count) : parent_(count), count_(count) {
        std::iota(parent_.begin(), parent_.end(), 0);
    }
    /// The number that stands for the set of `i`.
    int find(int i) {
        while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
        return i;
    }
    /// The larger of both stands for the union.
    void join(int a, int b) {
        a = find(a), b = find(b);
        if (a == b) return;
        --count_;
        parent_[std::min(a, b)] = std::max(a, b);
    }
    /// How many sets there are.
    size_t count() const { return count_; }

  private:
    std::vector<int> parent_;
    size_t count_;
};

void sort_unique(std::vector<int>& numbers) {
    std::sort(numbers.begin(), numbers.end());
    numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
}

}  // namespace

LoopGrouping::LoopGrouping(const Function& function) : function_(function) {
    index();
    find_stored();
    find_levels();
    find_groups();
    store_costly_values();
    finish();
}

const Shape& LoopGrouping::space(int i) const {
    const Operation& o = op(i);
    return function_.type(o.info().has(kReduction) ? o.operands[0] : o.result()).shape;
}

const std::string* LoopGrouping::why_costly(ValueId v) const {
    const auto found = costly_.find(v);
    return found == costly_.end() ? nullptr : &found->second;
}

/// Fills the tables by value and by operation that the other steps look things up in.
void LoopGrouping::index() {
    const size_t count = function_.operations.size(), values = function_.values.size();
    producer_.assign(values, -1);
    users_.resize(values);
    fusable_.resize(count);
    for (size_t i = 0; i < count; ++i) {
        for (ValueId v : function_.operations[i].results) producer_[v] = static_cast<int>(i);
        for (ValueId v : function_.operations[i].operands) users_[v].push_back(static_cast<int>(i));
    }
    for (size_t i = 0; i < count; ++i)
        fusable_[i] =
            fits_in_loop(function_.operations[i].info()) || fits_as_window(static_cast<int>(i));
    op_marks_.resize(count);
    value_marks_.resize(values);
    level_.assign(count, 0);
    group_of_.assign(count, -1);
    candidate_of_.assign(count, -1);
    computing_.resize(count);
}

/// Whether operation `i` is a slice or pad that only loops read, in pieces of rows that are long
/// enough, and which costs anything as it is: some slices are views.
bool LoopGrouping::fits_as_window(int i) const {
    const Operation& o = op(i);
    if (!o.info().has(kWindow)) return false;
    const std::optional<std::vector<int64_t>> starts = window_starts(o);
    if (!starts || (o.as<Slice>() != nullptr && view_offset(function_, o))) return false;
    const ValueId v = o.result();
    const Shape &whole = function_.type(o.operands[0]).shape, &shape = function_.type(v).shape;
    int64_t piece = 1;
    for (size_t axis = shape.size(); axis-- > 0;) {
        piece *= std::min(whole[axis], shape[axis]);
        if (whole[axis] != shape[axis]) break;
    }
    const auto leaves = [&](const auto& named) { return named.value == v; };
    return piece >= kWindowPieceLeast && !users_[v].empty() &&
           std::all_of(users_[v].begin(), users_[v].end(),
                       [&](int user) {
                           const OpInfo& info = op(user).info();
                           return fits_in_loop(info) && !reads_elsewhere(info);
                       }) &&
           std::none_of(function_.updates.begin(), function_.updates.end(), leaves) &&
           std::none_of(function_.results.begin(), function_.results.end(), leaves);
}

/// What must be in memory whatever the loops: it is made or read by another kind of op, or leaves
/// the function.
void LoopGrouping::find_stored() {
    is_stored_.assign(function_.values.size(), false);
    for (size_t v = 0; v < function_.values.size(); ++v) {
        const int p = producer_[v];
        is_stored_[v] = p < 0 || !is_fusable(p) || op(p).info().has(kReduction);
        // A broadcast, slice or pad reads from outside its loop.
        for (int user : users_[v])
            if (!is_fusable(user) || reads_outside(user)) is_stored_[v] = true;
    }
    for (const Update& u : function_.updates) is_stored_[u.value] = true;
    for (const NamedValue& r : function_.results) is_stored_[r.value] = true;

    reads_stored_.assign(function_.operations.size(), false);
    for (size_t i = 0; i < function_.operations.size(); ++i)
        if (is_fusable(static_cast<int>(i)) && !reads_outside(static_cast<int>(i)))
            for (ValueId v : function_.operations[i].operands)
                if (is_stored_[v] || reads_stored_[producer_[v]]) reads_stored_[i] = true;
}

/// Depth: an op may share its loop with a root of the same space that it reads; everything else
/// comes one later. Storing one more value leaves all depths as they are.
void LoopGrouping::find_levels() {
    for (size_t k = 0; k < function_.operations.size(); ++k) {
        const auto i = static_cast<int>(k);
        for (ValueId v : op(i).operands) {
            const int p = producer_[v];
            if (p < 0) continue;
            const bool joinable = is_fusable(i) && !reads_outside(i) && is_fusable(p) &&
                                  !op(p).info().has(kReduction) && space(p) == space(i);
            level_[k] = std::max(level_[k], joinable ? level_[p] : level_[p] + 1);
        }
    }
}

/// Numbers the groups (depth, space), collects their roots, and forms the first candidates.
void LoopGrouping::find_groups() {
    std::map<std::pair<int, Shape>, int> numbers;
    for (size_t k = 0; k < function_.operations.size(); ++k) {
        const auto i = static_cast<int>(k);
        if (!is_fusable(i)) continue;
        const auto [found, fresh] =
            numbers.try_emplace({level_[i], space(i)}, static_cast<int>(groups_.size()));
        if (fresh) {
            const bool small = Type{DType::kF32, space(i)}.elements() <= kSmallSpace;
            groups_.push_back({level_[i], space(i), small, {}});
        }
        group_of_[i] = found->second;
        if (is_root(i)) groups_[found->second].roots.push_back(i);
    }
    for (size_t g = 0; g < groups_.size(); ++g) form_loops(static_cast<int>(g), groups_[g].roots);
}

// ---- walks --------------------------------------------------------------------------------------

/// True when this walk has been here; `mark.owner` says for whom. Else marks it for `owner`.
bool LoopGrouping::marked(Mark& mark, int owner) const {
    if (mark.walk == walk_) return true;
    mark = {walk_, owner};
    return false;
}

/// From operation `from` back to stored values, which `leaf` gets. `enter` says of an operation on
/// the way whether to go on through it.
template <typename Enter, typename Leaf>
void LoopGrouping::walk_down(int from, const Enter& enter, const Leaf& leaf) {
    if (!enter(from)) return;
    stack_ = {from};
    while (!stack_.empty()) {
        const int i = stack_.back();
        stack_.pop_back();
        if (reads_outside(i)) continue;  // what it reads comes from outside
        for (ValueId v : op(i).operands) {
            if (is_stored_[v])
                leaf(v);
            else if (enter(producer_[v]))
                stack_.push_back(producer_[v]);
        }
    }
}

/// Adds the roots that compute operation `from`, as far as they are not deeper than `level_most`.
/// The caller begins the walk.
void LoopGrouping::walk_up(int from, int level_most, std::vector<int>& roots) {
    if (level_[from] > level_most || marked(op_marks_[from], 0)) return;
    stack_ = {from};
    while (!stack_.empty()) {
        const int i = stack_.back();
        stack_.pop_back();
        if (is_root(i)) {
            roots.push_back(i);
            continue;
        }
        for (int user : users_[op(i).result()])
            if (level_[user] <= level_most && !marked(op_marks_[user], 0)) stack_.push_back(user);
    }
}

// ---- loops --------------------------------------------------------------------------------------

/// Goes back from all roots at once, breadth first, and ends as soon as they are one set: most
/// roots of a group meet near by, while all of a deep network may lie below them. Each value and
/// operation is marked with the root that found it first (`owner`); when another root's walk meets
/// the mark, the two sets are joined.
std::vector<std::vector<int>> LoopGrouping::connected(const std::vector<int>& roots) {
    ++walk_;
    DisjointSets sets(roots.size());
    std::vector<std::pair<int, int>> found;  // operations to go on from, and who found them
    const auto touch = [&](ValueId v, int owner) {
        if (marked(value_marks_[v], owner)) sets.join(owner, value_marks_[v].owner);
    };
    const auto enter = [&](int i, int owner) {
        if (!marked(op_marks_[i], owner))
            found.emplace_back(i, owner);
        else if (reads_stored_[i])  // who computes the same, reads the same
            sets.join(owner, op_marks_[i].owner);
    };
    for (size_t n = 0; n < roots.size(); ++n) {
        touch(op(roots[n]).result(), static_cast<int>(n));
        enter(roots[n], static_cast<int>(n));
    }
    for (size_t next = 0; next < found.size() && sets.count() > 1; ++next) {
        const auto [i, owner] = found[next];
        if (reads_outside(i)) continue;  // what it reads comes from outside
        for (ValueId v : op(i).operands) {
            if (is_stored_[v])
                touch(v, owner);
            else
                enter(producer_[v], owner);
        }
    }
    std::map<int, std::vector<int>> out;
    for (size_t n = 0; n < roots.size(); ++n)
        out[sets.find(static_cast<int>(n))].push_back(roots[n]);
    std::vector<std::vector<int>> list;
    for (auto& [last, set] : out) list.push_back(std::move(set));
    return list;
}

/// Makes candidates of roots that have none, or whose old ones are empty.
void LoopGrouping::form_loops(int group, const std::vector<int>& roots) {
    if (roots.empty()) return;
    std::vector<std::vector<int>> sets = {roots};
    if (!groups_[group].is_small) sets = connected(roots);
    for (std::vector<int>& set : sets) {
        for (int root : set) candidate_of_[root] = static_cast<int>(candidates_.size());
        candidates_.push_back({group, std::move(set)});
    }
}

/// The order in which loops are listed, which does not depend on the order in which they were
/// formed: by depth, space, and last root.
bool LoopGrouping::comes_before(int loop, int other) const {
    const Candidate &a = candidates_[loop], &b = candidates_[other];
    const Group &of_a = groups_[a.group], &of_b = groups_[b.group];
    return std::tie(of_a.level, of_a.space, a.roots.back()) <
           std::tie(of_b.level, of_b.space, b.roots.back());
}

/// Lists the candidates that are left in order, and finds by a walk back from the roots what each
/// computes.
void LoopGrouping::finish() {
    std::vector<int> order;
    for (size_t c = 0; c < candidates_.size(); ++c)
        if (!candidates_[c].roots.empty()) order.push_back(static_cast<int>(c));
    std::sort(order.begin(), order.end(), [&](int a, int b) { return comes_before(a, b); });
    loop_of_root_.assign(function_.operations.size(), -1);
    for (int c : order) {
        ++walk_;
        LoopGroup loop{groups_[candidates_[c].group].space, candidates_[c].roots, {}};
        for (int root : loop.roots) {
            loop_of_root_[root] = static_cast<int>(loops_.size());
            const auto enter = [&](int i) {
                if (marked(op_marks_[i], 0)) return false;
                loop.members.push_back(i);
                return true;
            };
            walk_down(root, enter, [](ValueId) {});
        }
        std::sort(loop.members.begin(), loop.members.end());
        loops_.push_back(std::move(loop));
    }
}

// ---- costly values ------------------------------------------------------------------------------

/// Stores the values that cost too much to compute in several loops. Walks back through the
/// function. Storing a value changes some loops: the operations that these compute become due
/// again, and the walk goes back to the last of them. For all others the answer is the same as
/// before.
void LoopGrouping::store_costly_values() {
    is_due_ = fusable_;
    due_most_ = static_cast<int>(function_.operations.size()) - 1;
    looked_at_least_ = due_most_ + 1;
    while (due_most_ >= 0) {
        const int i = due_most_;
        if (!is_due_[i]) {
            --due_most_;
            continue;
        }
        is_due_[i] = false;
        looked_at_least_ = std::min(looked_at_least_, i);
        // These are made anew in every loop that reads them, as that costs next to nothing: a
        // broadcast, slice or pad reads a stored value, a constant none. A constant may be read by
        // as many loops as there are layers, so that even listing them each time would take too
        // long.
        if (reads_outside(i) || op(i).as<Constant>() != nullptr) continue;
        update_computing(i);
        if (computing_[i].size() < 2) continue;
        std::string why = too_costly(i);
        if (why.empty()) continue;
        costly_[op(i).result()] = std::move(why);
        store(i);
    }
}

/// Finds the loops that compute operation `i`: its own loop when it is a root, otherwise all loops
/// that compute one of its readers. Readers come later, so that the walk has seen them already.
void LoopGrouping::update_computing(int i) {
    std::vector<int>& loops = computing_[i];
    loops.clear();
    if (is_root(i)) {
        loops.push_back(candidate_of_[i]);
        return;
    }
    for (int user : users_[op(i).result()])
        loops.insert(loops.end(), computing_[user].begin(), computing_[user].end());
    sort_unique(loops);
}

/// Why several loops had better read the result of operation `i`; "" when they may compute it.
std::string LoopGrouping::too_costly(int i) {
    int cost = 0;
    std::vector<ValueId> leaves;
    ++walk_;
    // Ends early: in a chain of residual blocks the whole graph may lie below.
    const auto enter = [&](int k) {
        if (cost > kRecomputeCostMost || marked(op_marks_[k], 0)) return false;
        cost += op(k).info().cost;
        if (op(k).info().has(kWindow)) leaves.push_back(op(k).result());
        return true;
    };
    walk_down(i, enter, [&](ValueId v) {
        if (!marked(value_marks_[v], 0)) leaves.push_back(v);
    });
    if (cost > kRecomputeCostMost)
        return fmt::format("too costly to compute twice: more than {} additions",
                           kRecomputeCostMost);
    return leaves.size() > kRecomputeReadsMost ? too_many_reads(i, leaves) : "";
}

/// Why the result of operation `i` had better be stored: some loop would have to read more than
/// kRecomputeReadsMost of the `leaves` for nothing but to compute it anew. "" when none would.
std::string LoopGrouping::too_many_reads(int i, const std::vector<ValueId>& leaves) {
    std::vector<int> loops = computing_[i];
    std::sort(loops.begin(), loops.end(), [&](int a, int b) { return comes_before(a, b); });
    for (int loop : loops) {
        ++walk_;
        const size_t anew = std::count_if(leaves.begin(), leaves.end(), [&](ValueId v) {
            const int p = producer_[v];
            if (p >= 0 && candidate_of_[p] == loop) return true;
            const bool read = std::any_of(users_[v].begin(), users_[v].end(), [&](int user) {
                return !reads_outside(user) && computes_without(loop, user, i);
            });
            // Marks say "leads nowhere". The operations on the way to a success are marked, too, so
            // they must not hold for the next search.
            if (read) ++walk_;
            return !read;
        });
        if (anew > kRecomputeReadsMost)
            return fmt::format("to compute it twice, a loop would read {} more tensors, over {}",
                               anew, kRecomputeReadsMost);
    }
    return "";
}

/// Whether a loop computes operation `i` for another reason than operation `skipped`. Operations
/// that this walk has seen are known not to lead there.
bool LoopGrouping::computes_without(int loop, int i, int skipped) {
    if (!is_fusable(i) || i == skipped || marked(op_marks_[i], 0)) return false;
    stack_ = {i};
    while (!stack_.empty()) {
        const int k = stack_.back();
        stack_.pop_back();
        if (k > skipped) {  // known already
            if (std::binary_search(computing_[k].begin(), computing_[k].end(), loop)) return true;
        } else if (is_root(k)) {
            if (candidate_of_[k] == loop) return true;
        } else {
            for (int user : users_[op(k).result()])
                if (user != skipped && !marked(op_marks_[user], 0)) stack_.push_back(user);
        }
    }
    return false;
}

/// Makes operation `i` a root: loops that computed it read its result from now on.
void LoopGrouping::store(int i) {
    std::vector<int> readers, stale;
    ++walk_;
    walk_up(i, std::numeric_limits<int>::max(), readers);
    is_stored_[op(i).result()] = true;
    note_stored_operand(i);
    const int group = group_of_[i];
    bool connected_by_readers = false;
    for (int root : readers) {
        stale.push_back(candidate_of_[root]);
        connected_by_readers |= group_of_[root] == group;
    }
    // Readers of its group read what it reads, so that all that is connected with it is connected
    // with them.
    if (!connected_by_readers) find_neighbours(i, stale);
    sort_unique(stale);

    std::map<int, std::vector<int>> again{{group, {i}}};  // by group: roots without a loop
    for (int c : stale) {
        std::vector<int>& roots = again[candidates_[c].group];
        roots.insert(roots.end(), candidates_[c].roots.begin(), candidates_[c].roots.end());
        candidates_[c].roots.clear();
    }
    for (auto& [g, roots] : again) {
        std::sort(roots.begin(), roots.end());
        form_loops(g, roots);
        recheck(roots);
    }
}

/// Loops of the group of operation `i`, a new root, that read what it reads.
void LoopGrouping::find_neighbours(int i, std::vector<int>& stale) {
    const int group = group_of_[i];
    Group& g = groups_[group];
    if (g.is_small) {
        const auto other = std::find_if(g.roots.begin(), g.roots.end(),
                                        [&](int root) { return candidate_of_[root] >= 0; });
        if (other != g.roots.end()) stale.push_back(candidate_of_[*other]);
        g.roots.push_back(i);
        return;
    }
    std::vector<ValueId> leaves;
    ++walk_;
    walk_down(
        i, [&](int k) { return !marked(op_marks_[k], 0); },
        [&](ValueId v) {
            if (!marked(value_marks_[v], 0)) leaves.push_back(v);
        });
    ++walk_;
    std::vector<int> roots;
    for (ValueId v : leaves) {
        if (producer_[v] >= 0 && is_fusable(producer_[v])) roots.push_back(producer_[v]);
        for (int user : users_[v])
            if (is_fusable(user) && !reads_outside(user) && user != i)
                walk_up(user, g.level, roots);
    }
    for (int root : roots)
        if (root != i && group_of_[root] == group) stale.push_back(candidate_of_[root]);
}

/// Operations that read a newly stored value read something stored.
void LoopGrouping::note_stored_operand(int i) {
    stack_ = {i};
    while (!stack_.empty()) {
        const int k = stack_.back();
        stack_.pop_back();
        for (int user : users_[op(k).result()]) {
            if (reads_stored_[user] || !is_fusable(user) || reads_outside(user)) continue;
            reads_stored_[user] = true;
            if (!is_root(user)) stack_.push_back(user);
        }
    }
}

/// Everything that the loops of these roots compute is due.
void LoopGrouping::recheck(const std::vector<int>& roots) {
    ++walk_;
    for (int root : roots) {
        const auto enter = [&](int i) {
            // What has never been looked at is due, and so is all that it is made of.
            if (i < looked_at_least_ || marked(op_marks_[i], 0)) return false;
            is_due_[i] = true;
            due_most_ = std::max(due_most_, i);
            return true;
        };
        walk_down(root, enter, [](ValueId) {});
    }
}

}  // namespace gmc::passes
