// What numbers lose when they become f32.
#pragma once

#include <algorithm>
#include <cmath>

namespace gmc::runtime {

/// f32 holds every whole number up to here, and rounds larger ones.
constexpr double kWholeMost = 16777216;

/// Is this a whole number that becomes another one as f32, such as an identifier or the seconds
/// since 1970? Beyond 2^53, where f64 has no other numbers, this says nothing.
inline bool is_rounded_whole(double value) {
    constexpr double kWholeMostF64 = 9007199254740992;  // 2^53
    return std::fabs(value) > kWholeMost && std::fabs(value) <= kWholeMostF64 &&
           value == std::floor(value) && static_cast<float>(value) != value;
}

/// The distance between neighbouring f32 numbers at the larger end of [low, high].
inline double float_step(double low, double high) {
    int exponent = 0;
    std::frexp(std::max(std::fabs(low), std::fabs(high)), &exponent);
    constexpr int kMantissaBits = 24, kLeastExponent = -149;
    return std::ldexp(1.0, std::max(exponent - kMantissaBits, kLeastExponent));
}

/// Are there so few f32 numbers in [low, high], fewer than 2^14, that values which differ become
/// the same one? It is so where they differ by little from a large number.
inline bool is_coarse_as_float(double low, double high) {
    return high > low && high - low < 16384 * float_step(low, high);
}

}  // namespace gmc::runtime
