// Schedules the tile steps anew: all others that are ready, then all that can be joined and are
// ready, and so on.
#include "runtime/kernels/loop/loop_join.h"

#include <algorithm>
#include <iterator>

namespace gmc::runtime {
namespace {

class Scheduler {
  public:
    explicit Scheduler(LoopPlan& plan)
        : plan_(plan), steps_(std::move(plan.tile_steps)), done_(steps_.size(), false) {
        plan_.tile_steps.clear();
        for (const Step& step : steps_) joinable_.push_back(can_join_step(step));
    }

    void run() {
        while (left_ < steps_.size()) {
            for (size_t s = 0; s < steps_.size(); ++s)
                if (!joinable_[s] && ready(s)) {
                    plan_.tile_steps.push_back(steps_[s]);
                    finish(s);
                }
            std::vector<size_t> group;
            for (size_t s = 0; s < steps_.size(); ++s)
                if (joinable_[s] && ready(s)) {
                    group.push_back(s);
                    finish(s);
                }
            add_group(group);
        }
    }

  private:
    bool can_join_step(const Step& step) const {
        const auto fits = [&](int slot) {
            return !is_narrow(slot) || (can_join_bf16() && !plan_.slots[slot].is_number);
        };
        return step.source != nullptr && !step.is_number && can_join(*step.source) &&
               std::all_of(step.in.begin(), step.in.end(), fits) &&
               std::all_of(step.out.begin(), step.out.end(), fits);
    }
    bool is_narrow(int slot) const { return plan_.slots[slot].dtype == ir::DType::kBf16; }

    void finish(size_t s) {
        done_[s] = true;
        ++left_;
    }

    /// Whether all that has to come before step `s` has.
    bool ready(size_t s) const {
        if (done_[s]) return false;
        for (size_t earlier = 0; earlier < s; ++earlier)
            if (!done_[earlier] && must_precede(steps_[earlier], steps_[s])) return false;
        return true;
    }

    bool must_precede(const Step& earlier, const Step& later) const {
        return touch(earlier.out, later.in) || touch(earlier.in, later.out) ||
               touch(earlier.out, later.out);
    }
    bool touch(const std::vector<int>& a, const std::vector<int>& b) const {
        return std::any_of(a.begin(), a.end(), [&](int x) {
            return std::any_of(b.begin(), b.end(), [&](int y) {
                const float* base = plan_.slots[x].base;
                return x == y || (base != nullptr && base == plan_.slots[y].base);
            });
        });
    }

    /// As few joined steps as registers allow.
    void add_group(std::span<const size_t> group) {
        while (!group.empty()) {
            size_t count = group.size();
            while (count > 1 && !join(group.first(count))) --count;
            if (count == 1) plan_.tile_steps.push_back(steps_[group.front()]);
            group = group.subspan(count);
        }
    }

    bool join(std::span<const size_t> group) {
        std::vector<JoinedOp> ops;
        Step joined;
        const auto made_here = [&](int slot) {
            return std::any_of(ops.begin(), ops.end(),
                               [&](const JoinedOp& op) { return op.out == slot; });
        };
        for (size_t s : group) {
            const Step& step = steps_[s];
            JoinedOp op{step.source, step.out.front(), step.in};
            for (size_t j = 0; j < step.in.size(); ++j) {
                if (plan_.slots[step.in[j]].is_number) op.splat |= 1u << j;
                if (!made_here(step.in[j])) joined.in.push_back(step.in[j]);
            }
            ops.push_back(std::move(op));
        }
        for (const JoinedOp& op : ops)
            if (plan_.slots[op.out].kind == Slot::Kind::kSpace || read_outside(op.out, group))
                joined.out.push_back(op.out);
        std::vector<int> narrow;
        for (const JoinedOp& op : ops) {
            if (is_narrow(op.out)) narrow.push_back(op.out);
            std::copy_if(op.in.begin(), op.in.end(), std::back_inserter(narrow),
                         [&](int slot) { return is_narrow(slot); });
        }
        std::shared_ptr<JoinedTile> code = join_ops(ops, joined.out, narrow);
        if (code == nullptr) return false;
        joined.joined = code->function();
        plan_.code.push_back(std::move(code));
        plan_.tile_steps.push_back(std::move(joined));
        return true;
    }

    bool read_outside(int slot, std::span<const size_t> group) const {
        for (size_t s = 0; s < steps_.size(); ++s)
            if (std::find(group.begin(), group.end(), s) == group.end() &&
                std::find(steps_[s].in.begin(), steps_[s].in.end(), slot) != steps_[s].in.end())
                return true;
        return false;
    }

    LoopPlan& plan_;
    const std::vector<Step> steps_;
    std::vector<bool> joinable_, done_;
    size_t left_ = 0;  ///< how many are done
};

}  // namespace

void join_steps(LoopPlan& plan) { Scheduler(plan).run(); }

}  // namespace gmc::runtime
