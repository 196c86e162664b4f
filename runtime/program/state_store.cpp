// Layout of states in memory.
#include "runtime/program/state_store.h"

#include "compiler/ir/views.h"
#include "compiler/support/check.h"
#include "runtime/program/initializer.h"

namespace gmc::runtime {

StateStore::StateStore(const ir::Module& module) : module_(&module) {
    for (const ir::State& state : module.states) {
        // The runtime's tensors are float32; the front end makes no other states.
        GMC_CHECK(state.type.dtype == ir::DType::kF32, "state @{} is {}", state.name,
                  ir::to_string(state.type));
        offsets_.push_back(ir::state_offset(module, static_cast<ir::StateId>(offsets_.size())));
    }
    bytes_ = ir::state_offset(module, count());
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
