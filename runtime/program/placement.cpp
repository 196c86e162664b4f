// Gives every value an address: the one that the plan says, or, where the plan says nothing, memory
// of its own, one value after another.
#include "runtime/program/placement.h"

#include <numeric>

#include "compiler/ir/views.h"
#include "compiler/support/check.h"

namespace gmc::runtime {
namespace {

/// Places the values of one function. `own_offsets` are, by value, bytes in the memory that is
/// allocated for what the plan left open.
struct Placer {
    const ir::Module& module;
    const ir::Function& function;
    const Places& places;
    Placement& placement;
    std::vector<int64_t> own_offsets;
    int64_t own_bytes = 0;

    /// The memory of a state. A value that packs several neighbouring states begins at the first of
    /// them and reaches over the others.
    float* in_state(ir::StateId state, const ir::Value& value) {
        const auto end = static_cast<ir::StateId>(module.states.size());
        GMC_CHECK(
            value.type.bytes() <= ir::state_offset(module, end) - ir::state_offset(module, state),
            "%{} of @{} is {}, its state @{} {}", value.name, function.name,
            ir::to_string(value.type), module.states[state].name,
            ir::to_string(module.states[state].type));
        return places.states->data(state);
    }

    /// The address that the plan (or `Places::given`) says for a value; null when it says none.
    float* given_place(ir::ValueId id) {
        const ir::Value& value = function.values[id];
        if (!places.given.empty() && places.given[id] != nullptr) return places.given[id];
        if (value.state != ir::kNone) return in_state(value.state, value);
        if (value.home != ir::kNone) return in_state(value.home, value);
        if (value.arena_offset == ir::kNone) return nullptr;
        const int64_t offset = places.base + value.arena_offset;
        GMC_CHECK(
            offset % kTensorAlignment == 0 && offset + value.type.bytes() <= places.arena.bytes(),
            "%{} of @{} at {} does not fit the arena of {} bytes", value.name, function.name,
            offset, places.arena.bytes());
        return places.arena.at(offset);
    }

    /// Gives a value memory of its own, unless it has a place.
    void want_own(ir::ValueId id) {
        if (own_offsets[id] != ir::kNone || given_place(id) != nullptr) return;
        own_offsets[id] = own_bytes;
        own_bytes = align_up(own_bytes + function.type(id).bytes(), kTensorAlignment);
    }

    /// A reshape shares its operand's memory when the plan says the same place for both, or none.
    void find_owners() {
        for (const ir::Operation& operation : function.operations) {
            if (operation.as<ir::Reshape>() == nullptr) continue;
            const ir::ValueId from = operation.operands[0], to = operation.result();
            const float* place = given_place(to);
            if (place == nullptr || place == given_place(placement.owner[from]))
                placement.owner[to] = placement.owner[from];
        }
    }

    void run() {
        for (size_t id = 0; id < function.values.size(); ++id)
            placement.owner.push_back(static_cast<ir::ValueId>(id));
        own_offsets.assign(function.values.size(), ir::kNone);
        find_owners();
        for (const ir::Input& input : function.inputs) want_own(input.value);
        for (const ir::Operation& operation : function.operations)
            for (ir::ValueId result : operation.results)
                if (placement.owner[result] == result) want_own(result);
        placement.own = MemoryBlock(own_bytes);
        for (size_t i = 0; i < function.values.size(); ++i) {
            const ir::ValueId owner = placement.owner[i];
            float* place = given_place(owner);
            if (place == nullptr && own_offsets[owner] != ir::kNone)
                place = placement.own.floats(own_offsets[owner]);
            placement.buffers.set(static_cast<ir::ValueId>(i), place);
        }
    }
};

}  // namespace

Placement place_values(const ir::Module& module, const ir::Function& function,
                       const Places& places) {
    Placement placement{Buffers(function.values.size()), {}, {}};
    Placer{module, function, places, placement, {}}.run();
    return placement;
}

}  // namespace gmc::runtime
