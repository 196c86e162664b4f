// Joins the actions of a tile. They are put into a new order, so that those that can be joined
// stand next to each other: first all ready actions that cannot be joined, then all ready ones that
// can, as a group, and so on until none is left. An action is ready when all that must run before
// it has run. A plan may have thousands of actions, so nothing here compares all pairs.
#include "runtime/kernels/loop/loop_join.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <queue>
#include <unordered_set>

namespace gmc::runtime {
namespace {

/// Orders and joins the tile actions of one plan.
class Scheduler {
  public:
    explicit Scheduler(LoopPlan& plan) : plan_(plan), actions_(std::move(plan.tile_actions)) {
        plan_.tile_actions.clear();
        for (const Action& action : actions_) joinable_.push_back(can_join_action(action));
        find_order();
    }

    void run() {
        while (!alone_.empty() || !joined_.empty()) {
            while (!alone_.empty()) plan_.tile_actions.push_back(actions_[finish(alone_)]);
            std::vector<size_t> group;
            while (!joined_.empty()) group.push_back(finish(joined_));
            add_group(group);
        }
    }

  private:
    /// Actions that are ready, the first one on top.
    using Ready = std::priority_queue<size_t, std::vector<size_t>, std::greater<>>;
    /// So many ops are joined at most: each number of ops from there down is tried until the
    /// registers are enough, and each try takes time.
    static constexpr size_t kMostJoined = 64;

    /// An op on tiles that joined_tile has code for. A bf16 cell must be a tile, and needs AVX-512.
    bool can_join_action(const Action& action) const {
        const auto fits = [&](int cell) {
            return !is_bf16(cell) || (can_join_bf16() && !plan_.cells[cell].is_number);
        };
        return action.source != nullptr && !action.is_number && can_join(*action.source) &&
               std::all_of(action.in.begin(), action.in.end(), fits) &&
               std::all_of(action.out.begin(), action.out.end(), fits);
    }
    bool is_bf16(int cell) const { return plan_.cells[cell].dtype == ir::DType::kBf16; }

    /// Takes the first ready action; those that waited for it alone become ready.
    size_t finish(Ready& from) {
        const size_t s = from.top();
        from.pop();
        for (size_t later : followers_[s])
            if (--waits_for_[later] == 0) (joinable_[later] ? joined_ : alone_).push(later);
        return s;
    }

    /// The order of two actions matters when one writes a cell, or a piece of memory, that the
    /// other reads or writes. Who waits for the last writer waits for all before it.
    void find_order() {
        struct Place {
            std::vector<size_t> writer, readers;  ///< the last one, and those behind it
        };
        std::vector<Place> places(plan_.cells.size());
        std::map<const float*, size_t> first_at;  // the first cell stands for all in its memory
        const auto place = [&](int cell) -> Place& {
            const float* base = plan_.cells[cell].base;
            return places[base == nullptr ? cell : first_at.emplace(base, cell).first->second];
        };
        followers_.resize(actions_.size());
        waits_for_.assign(actions_.size(), 0);
        readers_.resize(plan_.cells.size());
        for (size_t s = 0; s < actions_.size(); ++s) {
            const auto follows = [&](const std::vector<size_t>& earlier) {
                for (size_t e : earlier) {
                    if (e == s) continue;
                    followers_[e].push_back(s);
                    ++waits_for_[s];
                }
            };
            for (int cell : actions_[s].in) {
                follows(place(cell).writer);
                place(cell).readers.push_back(s);
                readers_[cell].push_back(s);
            }
            for (int cell : actions_[s].out) {
                follows(place(cell).writer);
                follows(place(cell).readers);
                place(cell) = {{s}, {}};
            }
            if (waits_for_[s] == 0) (joinable_[s] ? joined_ : alone_).push(s);
        }
    }

    /// Joins the group into as few actions as the registers allow.
    void add_group(std::span<const size_t> group) {
        while (!group.empty()) {
            size_t count = std::min(group.size(), kMostJoined);
            while (count > 1 && !join(group.first(count))) --count;
            if (count == 1) plan_.tile_actions.push_back(actions_[group.front()]);
            group = group.subspan(count);
        }
    }

    /// Makes one action of the group; false when there are not enough registers. Only results that
    /// somebody outside of the group needs are stored.
    bool join(std::span<const size_t> group) {
        std::vector<JoinedOp> ops;
        Action joined;
        std::unordered_set<int> made_here;
        for (size_t s : group) {
            const Action& action = actions_[s];
            JoinedOp op{action.source, action.out.front(), action.in};
            for (size_t j = 0; j < action.in.size(); ++j) {
                if (plan_.cells[action.in[j]].is_number) op.splat |= 1u << j;
                if (made_here.count(action.in[j]) == 0) joined.in.push_back(action.in[j]);
            }
            made_here.insert(op.out);
            ops.push_back(std::move(op));
        }
        for (const JoinedOp& op : ops)
            if (plan_.cells[op.out].kind == Cell::Kind::kSpace || read_outside(op.out, group))
                joined.out.push_back(op.out);
        std::vector<int> bf16;
        for (const JoinedOp& op : ops) {
            if (is_bf16(op.out)) bf16.push_back(op.out);
            std::copy_if(op.in.begin(), op.in.end(), std::back_inserter(bf16),
                         [&](int cell) { return is_bf16(cell); });
        }
        std::shared_ptr<JoinedTile> code = join_ops(ops, joined.out, bf16);
        if (code == nullptr) return false;
        joined.joined = code->function();
        plan_.code.push_back(std::move(code));
        plan_.tile_actions.push_back(std::move(joined));
        return true;
    }

    bool read_outside(int cell, std::span<const size_t> group) const {
        // A group is in order.
        return std::any_of(readers_[cell].begin(), readers_[cell].end(), [&](size_t s) {
            return !std::binary_search(group.begin(), group.end(), s);
        });
    }

    LoopPlan& plan_;
    const std::vector<Action> actions_;
    std::vector<bool> joinable_;
    std::vector<std::vector<size_t>> followers_;  ///< by action: those that wait for it
    std::vector<size_t> waits_for_;               ///< by action: how many are still to come
    std::vector<std::vector<size_t>> readers_;    ///< by cell
    Ready alone_, joined_;                        ///< what cannot be joined, and what can
};

}  // namespace

void join_actions(LoopPlan& plan) { Scheduler(plan).run(); }

}  // namespace gmc::runtime
