// The memory of a module's states (parameters, statistics, optimizer slots): one block, plain
// row-major tensors, which functions read and update in place.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/ir/module.h"
#include "compiler/ir/views.h"
#include "compiler/support/diagnostic.h"
#include "runtime/memory/arena.h"

namespace gmc::runtime {

class SlotParts;  // runtime/train/slots/slot_parts.h

/// All states in one block of memory, in the order of the module. So an optimizer updates packed
/// states as one tensor, and a checkpoint is written from one place.
class StateStore {
  public:
    /// All states of `module`, zero. The module must outlive the store.
    explicit StateStore(const ir::Module& module);

    const ir::Module& module() const { return *module_; }
    ir::StateId count() const { return static_cast<ir::StateId>(offsets_.size()); }
    const ir::State& state(ir::StateId id) const { return module_->states[id]; }
    /// Elements of the state, row-major; aligned to kTensorAlignment.
    float* data(ir::StateId id) { return block_.floats(offsets_[id]); }
    const float* data(ir::StateId id) const { return block_.floats(offsets_[id]); }
    int64_t elements(ir::StateId id) const { return state(id).type.elements(); }

    /// How many states are saved: all but copies, which come last in the module.
    ir::StateId saved_count() const { return saved_count_; }
    /// The memory of the states to be saved: one after another at ir::state_offset, with zeros
    /// between them. So two stores of a module hold the same states exactly when these bytes are
    /// equal.
    std::byte* bytes_begin() const { return block_.data(); }
    int64_t bytes() const { return ir::state_offset(*module_, saved_count_); }
    /// Of these, the first so many are of states that all processes of a group have as a whole.
    int64_t common_bytes() const { return common_bytes_; }
    /// Says that the saved states from `first` on are parts, which `slots` knows of.
    void share(SlotParts* slots, ir::StateId first);
    /// Null where this process has all states as a whole.
    SlotParts* slots() const { return slots_; }
    /// Moves 2 MB to a huge page; false when there are no small pages left.
    bool make_huge() { return block_.make_huge(); }

    /// Sets every state as its initializer says, random ones from (seed, initializer.stream). False
    /// and an error per state (kBadValue) for kinds that do not exist or do not fit the state's
    /// shape.
    bool initialise(uint64_t seed, Diagnostics& diagnostics);

    /// Computes the copies of parameters (StateRole::kCopy) anew. Functions keep them up to date;
    /// whatever else sets parameters calls this.
    void refresh_copies();

  private:
    const ir::Module* module_;
    std::vector<int64_t> offsets_;
    ir::StateId saved_count_ = 0;
    MemoryBlock block_;
    SlotParts* slots_ = nullptr;
    int64_t common_bytes_ = 0;
};

/// Whether all numbers of a state are finite.
bool is_finite(const StateStore& states, ir::StateId id);

}  // namespace gmc::runtime
