// A scan over the steps with a list of free registers.
#include "runtime/kernels/loop/loop_registers.h"

#include <algorithm>

namespace gmc::runtime {
namespace {

bool has(const std::vector<int>& slots, int slot) {
    return std::find(slots.begin(), slots.end(), slot) != slots.end();
}

/// Registers of part steps are the threads' for the whole run and have their index already.
bool is_tile_register(const LoopPlan& plan, int slot) {
    if (plan.slots[slot].kind != Slot::Kind::kRegister) return false;
    return std::none_of(plan.part_steps.begin(), plan.part_steps.end(),
                        [&](const Step& step) { return has(step.out, slot); });
}

}  // namespace

int last_use(const LoopPlan& plan, int slot) {
    for (size_t s = plan.tile_steps.size(); s-- > 0;)
        if (has(plan.tile_steps[s].in, slot)) return static_cast<int>(s);
    return -1;
}

int producer(const LoopPlan& plan, int slot) {
    for (size_t s = 0; s < plan.tile_steps.size(); ++s)
        if (has(plan.tile_steps[s].out, slot) && plan.tile_steps[s].function != nullptr)
            return static_cast<int>(s);
    return -1;
}

namespace {

/// Whether a result may not lie where an operand of the step does: elements that are larger than
/// the operand's would destroy others that are still to be read, and joined ops read some operands
/// after they have written results.
bool keeps_operands(const LoopPlan& plan, const Step& step) {
    if (step.joined != nullptr) return true;
    return step.in.size() == 1 && step.out.size() == 1 &&
           ir::dtype_size(plan.slots[step.out[0]].dtype) >
               ir::dtype_size(plan.slots[step.in[0]].dtype);
}

class Assignment {
  public:
    explicit Assignment(LoopPlan& plan) : plan_(plan) {}

    void run() {
        for (size_t s = 0; s < plan_.tile_steps.size(); ++s) {
            const Step& step = plan_.tile_steps[s];
            const bool take_first = keeps_operands(plan_, step);
            if (take_first) take(step);
            release(step, static_cast<int>(s));
            if (!take_first) take(step);
            for (int slot : step.out)
                if (is_tile_register(plan_, slot) && last_use(plan_, slot) < 0)
                    free_.push_back(plan_.slots[slot].index);
        }
    }

  private:
    /// Registers of operands that are not read again.
    void release(const Step& step, int index) {
        for (auto slot = step.in.begin(); slot != step.in.end(); ++slot) {
            const bool again = std::find(step.in.begin(), slot, *slot) != slot;
            if (!again && is_tile_register(plan_, *slot) && last_use(plan_, *slot) == index)
                free_.push_back(plan_.slots[*slot].index);
        }
    }

    void take(const Step& step) {
        for (int slot : step.out) {
            if (!is_tile_register(plan_, slot)) continue;
            Slot& out = plan_.slots[slot];
            if (free_.empty()) {
                out.index = plan_.registers++;
            } else {
                out.index = free_.back();
                free_.pop_back();
            }
        }
    }

    LoopPlan& plan_;
    std::vector<int> free_;
};

}  // namespace

void assign_registers(LoopPlan& plan) { Assignment(plan).run(); }

}  // namespace gmc::runtime
