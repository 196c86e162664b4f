// Which loops can follow through the result of a contraction while it is computed: bias and
// activation after a layer, activation derivatives and bias gradients after a data gradient, an
// optimizer's part for a weight after that weight's gradient. A matter of the machine and not of
// the module: it depends on the contraction's kernel, and on where the memory plan has put things.
#pragma once

#include <vector>

#include "compiler/ir/module.h"
#include "runtime/kernels/kernel.h"
#include "runtime/kernels/loop/loop.h"

namespace gmc::runtime {

inline constexpr size_t kNoLoop = ~size_t{0};

struct Schedule {
    /// The operations of a function in an order with the same results; a contraction and the loop
    /// that can follow through it are neighbours (but for operations that do nothing). A loop of
    /// which parts follow stands where what is left of it is to run, and all of it may.
    std::vector<size_t> order;
    /// By operation: of a contraction, the loop that can follow through its result
    /// (Kernel::set_epilogue); else kNoLoop.
    std::vector<size_t> loop;
    /// By operation: the part of that loop, where not all of it follows; else empty.
    std::vector<LoopPart> part;
};

/// A loop can follow when it is the first to read the contraction's result, element by element in
/// the same order; when it writes into no operand of the contraction; and when the two can be
/// moved next to each other: nothing in between writes what is moved reads, or reads or writes
/// what it writes. Of a loop that runs_in_parts and reads a pack, each part can that reads the
/// result of a contraction where that lies in the pack.
Schedule find_epilogues(const ir::Function& function, const Buffers& buffers);

/// The operations as they stand, no loop following.
Schedule plain_schedule(const ir::Function& function);

}  // namespace gmc::runtime
