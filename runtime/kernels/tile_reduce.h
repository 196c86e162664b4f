// The inner loops of reductions: from a tile in cache to accumulators. Inside one call sums are f32
// over at most a tile, from call to call they are double, so that the error does not grow with the
// size of the tensor.
#pragma once

#include <cstddef>

#include "compiler/ir/ops.h"

namespace gmc::runtime {

struct ReduceFunctions {
    /// accumulators[j] takes in tile[r * width + j] for all r below rows, for each j below width.
    void (*columns)(const float* tile, size_t rows, size_t width, double* accumulators) = nullptr;
    /// *accumulator takes in tile[i] for all i below count.
    void (*all)(const float* tile, size_t count, double* accumulator) = nullptr;
    /// out[r] = the reduction of tile[r * width + j] over all j below width, in f32, for each r
    /// below rows.
    void (*rows)(const float* tile, size_t rows, size_t width, float* out) = nullptr;
    /// accumulators[j] takes in others[j] for all j below width.
    void (*merge)(const double* others, size_t width, double* accumulators) = nullptr;
    double identity = 0;  ///< what accumulators start from
};

/// For reduce_sum and reduce_max, on the SIMD target of this machine; null pointers for other ops.
/// The maximum of anything and NaN is NaN.
ReduceFunctions reduce_functions(const ir::OpVariant& op);

}  // namespace gmc::runtime
