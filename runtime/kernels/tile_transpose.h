// The inner loop of transposes: transposes a small matrix that is in cache.
#pragma once

#include <cstdint>

namespace gmc::runtime {

/// to[i * to_stride + j] = from[i + j * from_stride] for i below rows, j below columns.
template <typename T>
using TransposeFunction = void (*)(const T* from, int64_t from_stride, T* to, int64_t to_stride,
                                   int64_t rows, int64_t columns);

/// For the SIMD target of this machine; T is float or uint16_t.
template <typename T>
TransposeFunction<T> transpose_function();

}  // namespace gmc::runtime
