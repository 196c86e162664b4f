// Reads scalars by std::from_chars, which is exact and independent of the locale.
#include "dsl/text/scalar.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "compiler/support/numbers.h"

namespace gmc::dsl {
namespace {

/// Drops a leading +, which YAML allows and from_chars does not; "+-3" stays wrong.
std::string_view without_plus(std::string_view text) {
    if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
    return text;
}

}  // namespace

std::optional<double> parse_number(std::string_view text) { return plain_number(text); }

std::optional<int64_t> parse_integer(std::string_view text) {
    text = without_plus(text);
    const std::string_view digits = text.substr(text.substr(0, 1) == "-" ? 1 : 0);
    // 010 is 8 in YAML 1.1 and 10 in YAML 1.2, so nobody can know which was meant.
    if (digits.size() > 1 && digits[0] == '0') return std::nullopt;
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<bool> parse_flag(std::string_view text) {
    if (text == "true") return true;
    if (text == "false") return false;
    return std::nullopt;
}

std::string format_number(double value) {
    if (value != std::floor(value) || std::abs(value) >= 1e15) return fmt::format("{}", value);
    return grouped(static_cast<int64_t>(value));
}

}  // namespace gmc::dsl
