// The inner loop of transposes: a small matrix turned round in cache.
#pragma once

#include <cstdint>

namespace gmc::runtime {

/// to[i * to_stride + j] = from[i + j * from_stride] for i below rows, j below columns.
using TransposeFunction = void (*)(const float* from, int64_t from_stride, float* to,
                                   int64_t to_stride, int64_t rows, int64_t columns);

/// For the SIMD target of this machine.
TransposeFunction transpose_function();

}  // namespace gmc::runtime
