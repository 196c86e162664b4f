// The memory of a module's states (parameters, statistics, optimizer slots): one block, plain
// row-major tensors, so that a checkpoint is one write and functions read and update states in
// place.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/ir/module.h"
#include "compiler/ir/views.h"
#include "compiler/support/diagnostic.h"
#include "runtime/memory/arena.h"

namespace gmc::runtime {

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

    /// How many states there are to save: all but copies, which come last.
    ir::StateId saved_count() const { return saved_count_; }
    /// These behind one another as ir::state_offset has them, zeros in between: equal bytes, equal
    /// states.
    std::byte* bytes_begin() const { return block_.data(); }
    int64_t bytes() const { return ir::state_offset(*module_, saved_count_); }
    /// Moves 2 MB to a huge page; false when there are no small pages left.
    bool make_huge() { return block_.make_huge(); }

    /// Sets every state as its initializer says, random ones from (seed, initializer.stream). False
    /// and an error per state (kBadValue) for kinds that do not exist or do not fit the state's
    /// shape.
    bool initialise(uint64_t seed, Diagnostics& diagnostics);

    /// Makes copies of parameters what their parameters are now: after these were set by anything
    /// but a function.
    void refresh_copies();

  private:
    const ir::Module* module_;
    std::vector<int64_t> offsets_;
    ir::StateId saved_count_ = 0;
    MemoryBlock block_;
};

}  // namespace gmc::runtime
