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

void assign_registers(LoopPlan& plan) {
    std::vector<int> free;
    for (size_t s = 0; s < plan.tile_steps.size(); ++s) {
        const Step& step = plan.tile_steps[s];
        for (int i = 0; i < step.inputs; ++i) {
            const bool again = std::find(step.in, step.in + i, step.in[i]) != step.in + i;
            if (!again && is_tile_register(plan, step.in[i]) &&
                last_use(plan, step.in[i]) == static_cast<int>(s))
                free.push_back(plan.slots[step.in[i]].index);
        }
        if (step.out < 0 || !is_tile_register(plan, step.out)) continue;
        Slot& out = plan.slots[step.out];
        if (free.empty()) {
            out.index = plan.registers++;
        } else {
            out.index = free.back();
            free.pop_back();
        }
        if (last_use(plan, step.out) < 0) free.push_back(out.index);
    }
}

}  // namespace gmc::runtime
