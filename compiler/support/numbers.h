// Numbers in texts and in memory: digits in groups of three, and multiples.
#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace gmc {

/// 1234567 -> "1,234,567"
inline std::string grouped(int64_t number) {
    std::string digits = std::to_string(number);
    const size_t first = number < 0 ? 1 : 0;
    for (size_t i = digits.size(); i > first + 3;) digits.insert(i -= 3, ",");
    return digits;
}

/// The whole of `text` as a decimal number, as std::from_chars reads it, but one that is too small
/// for a double, as 1e-400, is 0. Nothing for other texts, and for what is not finite.
inline std::optional<double> finite_number(std::string_view text) {
    double value = 0;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, value);
    if (parsed.ptr != end || parsed.ec == std::errc::invalid_argument) return std::nullopt;
    if (parsed.ec == std::errc()) return std::isfinite(value) ? std::optional(value) : std::nullopt;
    // Out of range, at one end or the other: the place of the first digit and the exponent tell.
    const size_t mark = std::min(text.find_first_of("eE"), text.size());
    const std::string_view digits = text.substr(0, mark);
    const size_t first = digits.find_first_of("123456789");
    const size_t point = std::min(digits.find('.'), digits.size());
    double places = static_cast<double>(point) - static_cast<double>(first);
    const std::string_view exponent = text.substr(std::min(mark + 1, text.size()));
    int64_t power = 0;
    const bool plus = exponent.starts_with('+');
    const auto read =
        std::from_chars(exponent.data() + (plus ? 1 : 0), exponent.data() + exponent.size(), power);
    if (read.ec == std::errc::result_out_of_range)
        places += exponent.starts_with('-') ? -1e30 : 1e30;
    else
        places += static_cast<double>(power);
    return places < 0 ? std::optional(text.starts_with('-') ? -0.0 : 0.0) : std::nullopt;
}

/// The same for a number as models and options write it: digits, a point, an exponent, a sign, no
/// `inf` and no 010, which is 8 in YAML 1.1 and 10 in YAML 1.2.
inline std::optional<double> plain_number(std::string_view text) {
    if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
    if (text.empty() || text.find_first_not_of("0123456789+-.eE") != std::string_view::npos)
        return std::nullopt;
    const std::string_view digits = text.substr(text[0] == '-' ? 1 : 0);
    const bool zero_first = digits.size() > 1 && digits[0] == '0';
    if (zero_first && digits[1] >= '0' && digits[1] <= '9') return std::nullopt;
    return finite_number(text);
}

/// Whether a number of 32 bits can have about this value: it is no NaN and not infinite there.
inline bool fits_f32(double value) {
    return std::abs(value) <= double{std::numeric_limits<float>::max()};
}

/// The least multiple of `unit` that is not below `number`, which is not negative.
constexpr int64_t align_up(int64_t number, int64_t unit) {
    return (number + unit - 1) / unit * unit;
}

/// The least distance of the ends of a range: within less, the steps of stored numbers, of which
/// there may be 65,536, would be lost in numbers of 32 bits.
inline constexpr double kLeastRange = 1e-30;

/// Whether values can be scaled to [low, high] in numbers of 32 bits: the ends and their distance
/// are finite, and the lower one comes first, by kLeastRange or more.
inline bool is_range(double low, double high) {
    const auto first = static_cast<float>(low), last = static_cast<float>(high);
    return first < last && std::isfinite(first) && std::isfinite(last) &&
           std::isfinite(last - first) && double{last} - double{first} >= kLeastRange;
}

}  // namespace gmc
