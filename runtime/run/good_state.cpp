// Keeps and restores a copy of the states' memory, and searches states for numbers that are not
// finite.
#include "runtime/run/good_state.h"

#include <atomic>
#include <cmath>
#include <cstring>

#include "compiler/support/check.h"
#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"
#include "runtime/train/slots/slot_parts.h"

namespace gmc::runtime {

/// A thread looks at least at this many numbers (about 10 us).
static constexpr int64_t kShared = 32768;

static bool is_finite(const StateStore& states, ir::StateId id) {
    const float* numbers = states.data(id);
    const int64_t count = states.elements(id);
    std::atomic<bool> finite = true;
    run_parts(count, kShared, thread_count(), [&](int64_t begin, int64_t end, int) {
        bool all = true;
        for (int64_t i = begin; i < end; ++i) all &= std::isfinite(numbers[i]);
        if (!all) finite = false;
    });
    return finite;
}

std::string first_not_finite(const StateStore& states) {
    if (SlotParts* slots = states.slots()) {
        const std::set<size_t> bad = slots->find_not_finite();
        for (size_t i = 0; i < slots->states().size(); ++i) {
            const ir::StateId own = slots->own(i);
            if (own == ir::kNone ? bad.count(i) != 0 : !is_finite(states, own))
                return slots->states()[i].name;
        }
        return "";
    }
    for (ir::StateId id = 0; id < states.saved_count(); ++id)
        if (!is_finite(states, id)) return states.state(id).name;
    return "";
}

void GoodState::keep(const StateStore& states, const TrainingState& training) {
    bytes_.assign(states.bytes_begin(), states.bytes_begin() + states.common_bytes());
    if (states.slots() != nullptr) states.slots()->keep();
    training_ = training;
}

void GoodState::restore(StateStore& states) const {
    GMC_CHECK(kept(), "no state was kept");
    std::memcpy(states.bytes_begin(), bytes_.data(), bytes_.size());
    if (states.slots() != nullptr) states.slots()->restore();
    states.refresh_copies();
}

}  // namespace gmc::runtime
