// Machine code for several arithmetic ops of a loop at once: what lies between them stays in vector
// registers, where tile functions called one after the other would store it into the first-level
// cache and load it again.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "compiler/ir/ops.h"

namespace gmc::runtime {

/// Runs over `count` elements of tiles; slot i is at pointers[i].
using JoinedFunction = void (*)(float* const* pointers, size_t count);

/// One op among those that are joined.
struct JoinedOp {
    const ir::OpVariant* op = nullptr;
    int out = -1;         ///< slot
    std::vector<int> in;  ///< slots
    /// Bit j: operand j is a single number, at pointers[in[j]][0], for the whole tile.
    unsigned splat = 0;
};

/// Owns the code.
class JoinedTile {
  public:
    virtual ~JoinedTile() = default;
    virtual JoinedFunction function() const = 0;
};

/// Whether `op` of f32 tiles can be joined with others: on x86-64 with AVX2 or AVX-512, as chosen
/// for tile functions.
bool can_join(const ir::OpVariant& op);
/// Whether `cast` from or to tiles of bf16 can, too: with AVX-512.
bool can_join_bf16();

/// Code that runs `ops` in this order, to the bit what their tile functions give: products and sums
/// are rounded apart (of two NaNs either may come out). A slot is one tile, written by at most one
/// op. Results in `stored` are written to their tiles, the others nowhere; a stored tile may be the
/// memory of one that only the same and earlier ops read. The slots in `narrow` are tiles of bf16,
/// none of them a splat. Null when ops want more registers than there are, or when memory must not
/// be executed.
std::unique_ptr<JoinedTile> join_ops(std::span<const JoinedOp> ops, std::span<const int> stored,
                                     std::span<const int> narrow = {});

}  // namespace gmc::runtime
