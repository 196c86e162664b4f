// Reads numbers and words as the language writes them. That differs from YAML 1.1 where it
// surprises people: `1e-4` is a number, `yes` is not a flag, and `1_000`, `0x10` and `010` are
// refused.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gmc::dsl {

/// Whether a text says nothing: it is empty, or all spaces.
inline bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\n") == text.npos; }

/// Reads a decimal number such as 3, -0.5, .5 or 1e-4. Nothing for any other text, "inf" and "nan"
/// included. A number below what 64 bits hold, as 1e-400, is 0.
std::optional<double> parse_number(std::string_view text);

/// Reads a decimal integer without point or exponent.
std::optional<int64_t> parse_integer(std::string_view text);

/// Reads "true" or "false".
std::optional<bool> parse_flag(std::string_view text);

/// 1234567 -> "1,234,567". Whole numbers have no point; others have the shortest form that reads
/// back as the same number.
std::string format_number(double value);

}  // namespace gmc::dsl
