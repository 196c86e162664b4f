// Where each value of a function lives.
#pragma once

#include "compiler/ir/module.h"
#include "runtime/kernels/kernel.h"
#include "runtime/memory/arena.h"
#include "runtime/states/state_store.h"

namespace gmc::runtime {

/// Addresses of all values of a function, and the memory of those that have no other place.
struct Placement {
    Buffers buffers;
    MemoryBlock own;
    /// What each value is under another type: through reshapes that share memory, down to the
    /// first; itself if none.
    std::vector<ir::ValueId> root;
};

/// A state's value lies in that state; a value with a home in the home state; a planned value in
/// the arena; the result of a reshape without a place of its own where its operand lies; other
/// inputs and results of ops in `own`. Values that occur only within fused loops have no address.
Placement place_values(const ir::Module& module, const ir::Function& function, StateStore& states,
                       const Arena& arena);

}  // namespace gmc::runtime
