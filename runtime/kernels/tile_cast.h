// Tile functions of the op `cast`, and of copies, between f32 and bf16.
#pragma once

#include "compiler/ir/type.h"
#include "runtime/kernels/tile_function.h"

namespace gmc::runtime {

/// out[i] = in[0][i], as `to`; the pointers of TileCall point to elements of these types. `splat`
/// as for tile_function: 1 says that in[0] is a single number, with which the tile is filled.
/// TileCall::op is not used.
TileFunction cast_function(ir::DType from, ir::DType to, unsigned splat);

/// Converts `count` elements with all threads.
void cast_elements(const void* from, ir::DType from_type, void* to, ir::DType to_type,
                   int64_t count);

}  // namespace gmc::runtime
