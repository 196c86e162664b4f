// Numbers in texts and in memory: digits in groups of three, and multiples.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

namespace gmc {

/// 1234567 -> "1,234,567"
inline std::string grouped(int64_t number) {
    std::string digits = std::to_string(number);
    const size_t first = number < 0 ? 1 : 0;
    for (size_t i = digits.size(); i > first + 3;) digits.insert(i -= 3, ",");
    return digits;
}

/// The least multiple of `unit` that is not below `number`, which is not negative.
constexpr int64_t align_up(int64_t number, int64_t unit) {
    return (number + unit - 1) / unit * unit;
}

/// Whether values can be scaled to [low, high] in numbers of 32 bits: the ends and their distance
/// are finite, and the lower one comes first.
inline bool is_range(double low, double high) {
    const auto first = static_cast<float>(low), last = static_cast<float>(high);
    return first < last && std::isfinite(first) && std::isfinite(last) &&
           std::isfinite(last - first);
}

}  // namespace gmc
