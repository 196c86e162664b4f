// Reads a pace: a number, by std::from_chars, and a unit, which may be singular or plural.
#include "compiler/support/pace.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "compiler/support/numbers.h"

namespace gmc {

std::optional<Pace> parse_pace(std::string_view text) {
    double read = 0;  // only where it ends counts
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), read);
    const auto length = static_cast<size_t>(end - text.data());
    const double amount = plain_number(text.substr(0, length)).value_or(0);
    if (!(amount > 0 && amount <= 1e9)) return std::nullopt;
    std::string_view unit = text.substr(length);
    unit.remove_prefix(std::min(unit.find_first_not_of(' '), unit.size()));
    if (unit.ends_with('s')) unit.remove_suffix(1);
    if (unit == "step" && amount == std::floor(amount))
        return Pace{static_cast<int64_t>(amount), 0};
    if (unit == "second") return Pace{0, amount};
    if (unit == "minute") return Pace{0, amount * 60};
    if (unit == "hour") return Pace{0, amount * 3600};
    return std::nullopt;
}

}  // namespace gmc
