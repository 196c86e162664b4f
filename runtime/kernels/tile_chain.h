// Tile functions of two ops, one of which reads the other's result: it stays in a vector register instead of a tile.
#pragma once

#include "runtime/kernels/tile_function.h"

namespace gmc::runtime {

/// second(first(in[0], in[1]), in[2]), or `swapped` second(in[2], first(in[0], in[1])), to the bit what the two tile
/// functions give one after the other; of a `first` with one operand the other operand of `second` is in[1]. `splat` as
/// for tile_function. Null for all but a few arithmetic ops.
TileFunction chain_function(const ir::OpVariant& first, const ir::OpVariant& second, bool swapped, unsigned splat);

}  // namespace gmc::runtime
