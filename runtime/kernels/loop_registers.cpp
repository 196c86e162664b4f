// A scan over the steps with a list of free registers.
#include "runtime/kernels/loop_registers.h"

#include <algorithm>

namespace gmc::runtime {
namespace {

/// Registers of part steps are the threads' for the whole run and have their index already.
bool is_tile_register(const LoopPlan& plan, int slot) {
    if (plan.slots[slot].kind != Slot::Kind::kRegister) return false;
    return std::none_of(plan.part_steps.begin(), plan.part_steps.end(),
                        [&](const Step& step) { return step.out == slot; });
}

}  // namespace

int last_use(const LoopPlan& plan, int slot) {
    for (size_t s = plan.tile_steps.size(); s-- > 0;) {
        const Step& step = plan.tile_steps[s];
        if (std::find(step.in, step.in + step.inputs, slot) != step.in + step.inputs)
            return static_cast<int>(s);
    }
    return -1;
}

int producer(const LoopPlan& plan, int slot) {
    for (size_t s = 0; s < plan.tile_steps.size(); ++s)
        if (plan.tile_steps[s].out == slot && plan.tile_steps[s].function != nullptr)
            return static_cast<int>(s);
    return -1;
}

namespace {

/// Whether elements of the result are larger than those of the operand: written over it, the first
/// would destroy others that are still to be read.
bool grows(const LoopPlan& plan, const Step& step) {
    return step.inputs == 1 && step.out >= 0 &&
           ir::dtype_size(plan.slots[step.out].dtype) >
               ir::dtype_size(plan.slots[step.in[0]].dtype);
}

class Assignment {
  public:
    explicit Assignment(LoopPlan& plan) : plan_(plan) {}

    void run() {
        for (size_t s = 0; s < plan_.tile_steps.size(); ++s) {
            const Step& step = plan_.tile_steps[s];
            const bool take_first = grows(plan_, step);
            if (take_first) take(step);
            release(step, static_cast<int>(s));
            if (!take_first) take(step);
            if (step.out >= 0 && is_tile_register(plan_, step.out) && last_use(plan_, step.out) < 0)
                free_.push_back(plan_.slots[step.out].index);
        }
    }

  private:
    /// Registers of operands that are not read again.
    void release(const Step& step, int index) {
        for (int i = 0; i < step.inputs; ++i) {
            const bool again = std::find(step.in, step.in + i, step.in[i]) != step.in + i;
            if (!again && is_tile_register(plan_, step.in[i]) &&
                last_use(plan_, step.in[i]) == index)
                free_.push_back(plan_.slots[step.in[i]].index);
        }
    }

    void take(const Step& step) {
        if (step.out < 0 || !is_tile_register(plan_, step.out)) return;
        Slot& out = plan_.slots[step.out];
        if (free_.empty()) {
            out.index = plan_.registers++;
        } else {
            out.index = free_.back();
            free_.pop_back();
        }
    }

    LoopPlan& plan_;
    std::vector<int> free_;
};

}  // namespace

void assign_registers(LoopPlan& plan) { Assignment(plan).run(); }

}  // namespace gmc::runtime
