// What the sums of a process group have in common.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/kernels/bf16.h"

namespace gmc::runtime {

/// Sums of up to so many numbers are exchanged whole: for few, time is latency.
inline constexpr int64_t kWhole = 4096;

/// Both partners of an exchange compute a + b and b + a, which are the same bits.
inline void add_numbers(float* sum, const float* added, int64_t count, bool rounded) {
    if (rounded)
        for (int64_t i = 0; i < count; ++i) sum[i] = rounded_to_bf16(sum[i] + added[i]);
    else
#pragma omp simd
        for (int64_t i = 0; i < count; ++i) sum[i] += added[i];
}

/// Makes room for so many numbers.
template <typename Number>
void make(std::vector<Number>& numbers, int64_t count) {
    if (numbers.size() < static_cast<size_t>(count)) numbers.resize(static_cast<size_t>(count));
}

}  // namespace gmc::runtime
