// Machine code for several arithmetic ops of a loop at once. Intermediate results stay in vector
// registers; tile functions called one after the other would store them into the first-level cache
// and load them again.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "compiler/ir/ops.h"

namespace gmc::runtime {

/// Runs the joined ops over `count` elements of tiles; the tile of cell i is at pointers[i].
using JoinedFunction = void (*)(float* const* pointers, size_t count);

/// One op among those that are joined.
struct JoinedOp {
    const ir::OpVariant* op = nullptr;
    int out = -1;         ///< cell
    std::vector<int> in;  ///< cells
    /// Bit j: operand j is a single number, at pointers[in[j]][0], for the whole tile.
    unsigned splat = 0;
};

/// Owns the code.
class JoinedTile {
  public:
    virtual ~JoinedTile() = default;
    virtual JoinedFunction function() const = 0;
};

/// Whether `op` on f32 tiles can be joined with others: so far on x86-64 with AVX2 or AVX-512, the
/// same instruction set that the tile functions use.
bool can_join(const ir::OpVariant& op);
/// Whether a `cast` from or to tiles of bf16 can be joined, too: with AVX-512 only.
bool can_join_bf16();

/// Makes code that runs `ops` in this order. Its results equal those of the ops' tile functions to
/// the bit: a product and a sum are rounded separately, never fused into one multiply-add. (Where
/// both operands are NaN, either may be the result.) A cell is one tile and is written by at most
/// one op. Only results in `stored` are written to memory. A stored tile may share its memory with
/// an operand that no later op reads. The cells in `bf16` are tiles of bf16, and not splats. Null
/// when the ops need more registers than there are, or when the system forbids executable memory;
/// the caller then runs the tile functions.
std::unique_ptr<JoinedTile> join_ops(std::span<const JoinedOp> ops, std::span<const int> stored,
                                     std::span<const int> bf16 = {});

}  // namespace gmc::runtime
