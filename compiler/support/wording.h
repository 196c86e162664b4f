// Numbers and names within sentences.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace gmc {

/// "1 epoch", "0 epochs", "2.5 epochs".
template <typename Number>
std::string counted(Number count, std::string_view what) {
    return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

/// `one` for a list of one name, else `more`: "there is", "there are".
inline const char* by_count(size_t count, const char* one, const char* more) {
    return count == 1 ? one : more;
}

/// "`a`, `b` and `c`".
inline std::string quoted(const std::vector<std::string>& names) {
    if (names.size() < 2) return fmt::format("`{}`", fmt::join(names, ""));
    return fmt::format("`{}` and `{}`", fmt::join(names.begin(), names.end() - 1, "`, `"),
                       names.back());
}

/// The same number; a NaN without the sign that processors give it, which would be printed.
inline double unsigned_nan(double number) {
    return std::isnan(number) ? std::numeric_limits<double>::quiet_NaN() : number;
}

}  // namespace gmc
