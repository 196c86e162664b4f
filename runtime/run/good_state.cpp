// Keeps and restores a copy of the states' memory, and searches states for numbers that are not
// finite.
#include "runtime/run/good_state.h"

#include <cmath>
#include <cstring>

#include "compiler/support/check.h"

namespace gmc::runtime {

std::string first_not_finite(const StateStore& states) {
    for (ir::StateId id = 0; id < states.saved_count(); ++id) {
        const float* numbers = states.data(id);
        const int64_t count = states.elements(id);
        bool finite = true;
#pragma omp parallel for simd reduction(&& : finite) if (count > 65536)
        for (int64_t i = 0; i < count; ++i) finite = finite && std::isfinite(numbers[i]);
        if (!finite) return states.state(id).name;
    }
    return "";
}

void GoodState::keep(const StateStore& states, const TrainingState& training) {
    bytes_.assign(states.bytes_begin(), states.bytes_begin() + states.bytes());
    training_ = training;
}

void GoodState::restore(StateStore& states) const {
    GMC_CHECK(kept(), "no state was kept");
    std::memcpy(states.bytes_begin(), bytes_.data(), bytes_.size());
    states.refresh_copies();
}

}  // namespace gmc::runtime
