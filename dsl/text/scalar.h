// Numbers and words as the language writes them, which is not quite as YAML 1.1 does: `1e-4` is a
// number, `yes` is no flag, `1_000`, `0x10` and `010` are nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gmc::dsl {

/// A decimal number such as 3, -0.5, .5 or 1e-4; nothing for anything else, infinities included.
std::optional<double> parse_number(std::string_view text);

/// A decimal integer without point or exponent.
std::optional<int64_t> parse_integer(std::string_view text);

/// "true" or "false".
std::optional<bool> parse_flag(std::string_view text);

/// 1234567 -> "1,234,567"; whole numbers without a point, others in the shortest form that reads
/// back.
std::string format_number(double value);

}  // namespace gmc::dsl
