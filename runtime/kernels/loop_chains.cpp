// For each step: can the one that makes an operand be computed inside of it?
#include "runtime/kernels/loop_chains.h"

#include <algorithm>

#include "runtime/kernels/loop_registers.h"
#include "runtime/kernels/tile_chain.h"

namespace gmc::runtime {
namespace {

class Joiner {
  public:
    explicit Joiner(LoopPlan& plan) : plan_(plan), steps_(plan.tile_steps) {}

    void run() {
        for (size_t t = 0; t < steps_.size(); ++t)
            for (int i = 0; i < steps_[t].inputs; ++i)
                if (join(t, i)) {
                    --t;
                    break;
                }
    }

  private:
    /// Whether operand `i` of step `t` is now computed by `t`, and the step that did is gone.
    bool join(size_t t, int i) {
        const Step& second = steps_[t];
        if (second.source == nullptr || second.is_number || second.inputs != 2) return false;
        const int s = producer(plan_, second.in[i]);
        if (s < 0 || static_cast<size_t>(s) >= t) return false;
        const Step& first = steps_[static_cast<size_t>(s)];
        if (first.source == nullptr || first.is_number || first.inputs > 2 ||
            !only_for(first.out, t) || overwritten(first, static_cast<size_t>(s), t))
            return false;
        Step joined;
        joined.out = second.out;
        for (int k = 0; k < first.inputs; ++k) joined.in[joined.inputs++] = first.in[k];
        joined.in[joined.inputs++] = second.in[1 - i];
        unsigned splat = 0;
        for (int k = 0; k < joined.inputs; ++k)
            splat |= plan_.slots[joined.in[k]].is_number ? 1u << k : 0;
        joined.function = chain_function(*first.source, *second.source, i == 1, splat);
        if (joined.function == nullptr) return false;
        steps_[t] = joined;
        steps_.erase(steps_.begin() + s);
        return true;
    }

    /// A register that step `t` alone reads, once.
    bool only_for(int slot, size_t t) const {
        if (plan_.slots[slot].kind != Slot::Kind::kRegister) return false;
        int64_t uses = 0;
        for (const Step& step : steps_)
            uses += std::count(step.in, step.in + step.inputs, slot);
        const Step& reader = steps_[t];
        return uses == 1 && std::count(reader.in, reader.in + reader.inputs, slot) == 1;
    }

    /// Whether a step between writes, in place, what `first` reads.
    bool overwritten(const Step& first, size_t s, size_t t) const {
        return std::any_of(steps_.begin() + static_cast<int64_t>(s) + 1,
                           steps_.begin() + static_cast<int64_t>(t), [&](const Step& between) {
                               return between.out >= 0 &&
                                      std::any_of(first.in, first.in + first.inputs, [&](int slot) {
                                          return same_memory(slot, between.out);
                                      });
                           });
    }
    bool same_memory(int a, int b) const {
        return a == b ||
               (plan_.slots[a].base != nullptr && plan_.slots[a].base == plan_.slots[b].base);
    }

    LoopPlan& plan_;
    std::vector<Step>& steps_;
};

}  // namespace

void join_chains(LoopPlan& plan) { Joiner(plan).run(); }

}  // namespace gmc::runtime
