// The memory of states: where each begins, how they start, and how copies are made of parameters.
#include "runtime/states/state_store.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "runtime/kernels/bf16.h"
#include "runtime/states/initializer.h"
#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {

StateStore::StateStore(const ir::Module& module) : module_(&module) {
    for (const ir::State& state : module.states) {
        offsets_.push_back(ir::state_offset(module, count()));
        if (state.role != ir::StateRole::kCopy) saved_count_ = count();
    }
    const int64_t bytes = ir::state_offset(module, count());
    block_ = MemoryBlock(bytes);
    block_.touch(bytes);
    common_bytes_ = this->bytes();
}

void StateStore::share(SlotParts* slots, ir::StateId first) {
    slots_ = slots;
    common_bytes_ = ir::state_offset(*module_, first);
}

bool StateStore::initialise(uint64_t seed, Diagnostics& diagnostics) {
    bool fine = true;
    for (ir::StateId id = 0; id < saved_count_; ++id) {
        const std::string why =
            fill_initial(state(id).initializer, state(id).type.shape, seed, data(id));
        if (why.empty()) continue;
        diagnostics.error(DiagnosticKind::kBadValue, {}, "state `@{}`, {}: {}", state(id).name,
                          ir::to_string(state(id).type), why);
        fine = false;
    }
    refresh_copies();
    return fine;
}

void StateStore::refresh_copies() {
    for (ir::StateId id = saved_count_; id < count(); ++id) {
        const float* from = data(state(id).source);
        std::transform(from, from + elements(id), reinterpret_cast<uint16_t*>(data(id)),
                       bf16_from_float);
    }
}

bool is_finite(const StateStore& states, ir::StateId id) {
    constexpr int64_t kShared = 32768;  // a thread looks at least at this many (about 10 us)
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

}  // namespace gmc::runtime
