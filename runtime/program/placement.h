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
    /// By value: the value in whose memory it lies. For the result of a reshape that shares its
    /// operand's memory this is the owner of the operand; for others it is the value itself.
    std::vector<ir::ValueId> owner;
};

/// The memory that a function is placed in.
struct Places {
    StateStore* states;  ///< null for bodies of scans, which have none
    const Arena& arena;
    int64_t base = 0;             ///< where the function's arena begins in it, in bytes
    std::vector<float*> given{};  ///< by value: its address, or null; empty: none is given
};

/// The address of each value, by the first rule that holds:
///   - a value with a given address: there,
///   - a value that stands for a state: in that state,
///   - a value with a home: in the home state,
///   - a value that plan_memory gave an offset: in the arena,
///   - the result of a reshape: where its operand is,
///   - any other input or result of an op: in `own`.
/// Values that exist only inside fused loops have no address.
Placement place_values(const ir::Module& module, const ir::Function& function,
                       const Places& places);

}  // namespace gmc::runtime
