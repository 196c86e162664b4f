// How often something is done while a model is trained.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace gmc {

/// Each time so many steps are done, or so much time has passed; the other of the two is 0.
struct Pace {
    int64_t steps = 0;
    double seconds = 0;
};

/// Reads a number of steps, seconds, minutes or hours, such as "500 steps" or "10 minutes". Nothing
/// when it is something else, no whole number of steps, no time at all, or more than 1e9.
std::optional<Pace> parse_pace(std::string_view text);

}  // namespace gmc
