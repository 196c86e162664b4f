// Tile functions: the inner loops of fused ops. One computes a short run of elements (a tile, about
// 1024) of one op from tiles in the first-level cache. A loop kernel is a list of them; each is
// compiled for every SIMD target and the one for this machine is chosen when the kernel is made.
#pragma once

#include <cstddef>
#include <cstdint>

#include "compiler/ir/ops.h"
#include "runtime/kernels/kernel.h"

namespace gmc::runtime {

inline constexpr size_t kMostOperands = 3;

/// One call: out[i] = op(in[0][i], in[1][i], ...) for i below count. Pointers need no alignment;
/// `out` may be one of `in`. Elements are floats; those of tile_cast.h may be bf16.
struct TileCall {
    float* out = nullptr;
    const float* in[kMostOperands] = {};
    size_t count = 0;
    const void* op = nullptr;  ///< the op's struct in ir/ops.h, for its attributes
    int64_t first = 0;  ///< index of out[0] in the whole tensor; random ops are functions of it
    const CallContext* context = nullptr;
};

using TileFunction = void (*)(const TileCall&);

/// The tile function of an element-wise op, a generator or a runtime scalar, for the SIMD target of
/// this machine. Bit j of `splat` says that operand j is a single number, in[j][0], for the whole
/// tile. Null when the op has no tile function or all its operands are splats (then call it on
/// count 1 instead). `cast` has functions of its own, in tile_cast.h.
TileFunction tile_function(const ir::OpVariant& op, unsigned splat);

/// Bits of the vectors of this machine's target, at most 512.
int vector_bits();

/// The address of the op's struct inside its variant, for TileCall::op.
const void* op_address(const ir::OpVariant& op);

}  // namespace gmc::runtime
