// Layout of states in memory.
#include "runtime/program/state_store.h"

#include "compiler/support/check.h"
#include "runtime/program/initializer.h"

namespace gmc::runtime {

StateStore::StateStore(const ir::Module& module) : module_(&module) {
    for (const ir::State& state : module.states) {
        // The runtime's tensors are float32; the front end makes no other states.
        GMC_CHECK(state.type.dtype == ir::DType::kF32, "state @{} is {}", state.name,
                  ir::to_string(state.type));
        offsets_.push_back(bytes_);
        bytes_ = align_up(bytes_ + state.type.bytes(), kTensorAlignment);
    }
    block_ = MemoryBlock(bytes_);
    block_.touch(bytes_);
}

bool StateStore::initialise(uint64_t seed, Diagnostics& diagnostics) {
    bool fine = true;
    for (ir::StateId id = 0; id < count(); ++id) {
        const std::string why =
            fill_initial(state(id).initializer, state(id).type.shape, seed, data(id));
        if (why.empty()) continue;
        diagnostics.error(DiagnosticKind::kBadValue, {}, "state `@{}`, {}: {}", state(id).name,
                          ir::to_string(state(id).type), why);
        fine = false;
    }
    return fine;
}

}  // namespace gmc::runtime
