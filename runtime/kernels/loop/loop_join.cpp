// Joins the actions of a tile. They are put into a new order, so that those that can be joined
// stand next to each other: first all ready actions that cannot be joined, then all ready ones that
// can, as a group, and so on until none is left. An action is ready when all that must run before
// it has run. A plan has a few dozen actions at most, so comparing all pairs is cheap.
#include "runtime/kernels/loop/loop_join.h"

#include <algorithm>
#include <iterator>

namespace gmc::runtime {
namespace {

/// Orders and joins the tile actions of one plan.
class Scheduler {
  public:
    explicit Scheduler(LoopPlan& plan)
        : plan_(plan), actions_(std::move(plan.tile_actions)), done_(actions_.size(), false) {
        plan_.tile_actions.clear();
        for (const Action& action : actions_) joinable_.push_back(can_join_action(action));
    }

    void run() {
        while (left_ < actions_.size()) {
            for (size_t s = 0; s < actions_.size(); ++s)
                if (!joinable_[s] && ready(s)) {
                    plan_.tile_actions.push_back(actions_[s]);
                    finish(s);
                }
            std::vector<size_t> group;
            for (size_t s = 0; s < actions_.size(); ++s)
                if (joinable_[s] && ready(s)) {
                    group.push_back(s);
                    finish(s);
                }
            add_group(group);
        }
    }

  private:
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

    void finish(size_t s) {
        done_[s] = true;
        ++left_;
    }

    /// Whether all that has to come before action `s` has.
    bool ready(size_t s) const {
        if (done_[s]) return false;
        for (size_t earlier = 0; earlier < s; ++earlier)
            if (!done_[earlier] && must_precede(actions_[earlier], actions_[s])) return false;
        return true;
    }

    /// The order of two actions matters when one writes a cell, or a piece of memory, that the
    /// other reads or writes.
    bool must_precede(const Action& earlier, const Action& later) const {
        return touch(earlier.out, later.in) || touch(earlier.in, later.out) ||
               touch(earlier.out, later.out);
    }
    /// Whether two lists of cells share a cell, or cells in the same memory.
    bool touch(const std::vector<int>& a, const std::vector<int>& b) const {
        return std::any_of(a.begin(), a.end(), [&](int x) {
            return std::any_of(b.begin(), b.end(), [&](int y) {
                const float* base = plan_.cells[x].base;
                return x == y || (base != nullptr && base == plan_.cells[y].base);
            });
        });
    }

    /// Joins the group into as few actions as the registers allow.
    void add_group(std::span<const size_t> group) {
        while (!group.empty()) {
            size_t count = group.size();
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
        const auto made_here = [&](int cell) {
            return std::any_of(ops.begin(), ops.end(),
                               [&](const JoinedOp& op) { return op.out == cell; });
        };
        for (size_t s : group) {
            const Action& action = actions_[s];
            JoinedOp op{action.source, action.out.front(), action.in};
            for (size_t j = 0; j < action.in.size(); ++j) {
                if (plan_.cells[action.in[j]].is_number) op.splat |= 1u << j;
                if (!made_here(action.in[j])) joined.in.push_back(action.in[j]);
            }
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
        for (size_t s = 0; s < actions_.size(); ++s)
            if (std::find(group.begin(), group.end(), s) == group.end() &&
                std::find(actions_[s].in.begin(), actions_[s].in.end(), cell) !=
                    actions_[s].in.end())
                return true;
        return false;
    }

    LoopPlan& plan_;
    const std::vector<Action> actions_;
    std::vector<bool> joinable_, done_;
    size_t left_ = 0;  ///< how many actions are not done
};

}  // namespace

void join_actions(LoopPlan& plan) { Scheduler(plan).run(); }

}  // namespace gmc::runtime
