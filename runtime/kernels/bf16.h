// Single numbers of bf16, which is the upper half of an f32. The scalar definition of the op
// `cast`; runtime/kernels/tile_cast does the same for whole tiles, to the bit.
#pragma once

#include <bit>
#include <cstdint>

namespace gmc::runtime {

inline float float_from_bf16(uint16_t x) { return std::bit_cast<float>(uint32_t{x} << 16); }

/// To the nearest, ties to even; beyond the largest to infinity. NaN stays NaN.
inline uint16_t bf16_from_float(float x) {
    const uint32_t bits = std::bit_cast<uint32_t>(x);
    if ((bits & 0x7FFFFFFF) > 0x7F800000) return static_cast<uint16_t>(bits >> 16 | 0x40);
    return static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

inline float rounded_to_bf16(float x) { return float_from_bf16(bf16_from_float(x)); }

}  // namespace gmc::runtime
