// Epilogues: loops that the kernel of a contraction runs over its result, tile by tile, while each
// tile is in the cache. Examples: bias and activation after a layer; the derivative of an
// activation and the sum for a bias gradient after a data gradient; an optimizer's update of a
// weight after that weight's gradient. The runtime finds them, not a pass of the compiler, since
// they depend on the contraction's kernel and on where the memory plan has put values.
#pragma once

#include <vector>

#include "compiler/ir/module.h"
#include "runtime/kernels/kernel.h"
#include "runtime/kernels/loop/loop.h"

namespace gmc::runtime {

inline constexpr size_t kNoLoop = ~size_t{0};

/// An order of a function's operations, and which of its loops are epilogues.
struct Schedule {
    /// All operations, in an order that gives the same results as theirs. A contraction and its
    /// loop are neighbours, apart from operations that do nothing. A loop of which only parts are
    /// epilogues stands where the rest of it is to run; when a kernel turns out to be unable to run
    /// its part, that part runs there as well.
    std::vector<size_t> order;
    /// By operation: for a contraction, the loop that its kernel may run (Kernel::set_epilogue);
    /// else kNoLoop.
    std::vector<size_t> loop;
    /// By operation: which part of that loop; empty when it is the whole loop.
    std::vector<LoopPart> part;
    /// By operation: the operand of that loop whose part the contraction computes, where nothing
    /// else reads this part; else kNone.
    std::vector<ir::ValueId> consumed;
};

/// A loop can be the epilogue of a contraction when
///   - it is the first operation that reads the contraction's result,
///   - it reads and writes that result element by element, in the order of its elements,
///   - it writes over no operand of the contraction (later tiles still read these),
///   - the two can be made neighbours: nothing between them writes what they read, or reads or
///     writes what they write.
/// A loop that runs_in_parts and reads a pack (an optimizer reads the pack of all gradients) can
/// have a part in each contraction that computes its result straight into the pack.
Schedule find_epilogues(const ir::Function& function, const Buffers& buffers);

/// The operations in their own order, without epilogues.
Schedule plain_schedule(const ir::Function& function);

}  // namespace gmc::runtime
