// Names of the files that a run writes one of per step or epoch. Only files that are called exactly
// so are a run's own: what else lies in its folder is never counted, moved or removed.
#pragma once

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gmc::runtime {

/// How such names are written: `step-`, the number in 8 digits or more, `.safetensors`.
struct NumberedName {
    std::string_view prefix, ending;
    int digits = 1;

    std::string of(int64_t number) const {
        return fmt::format("{}{:0{}}{}", prefix, number, digits, ending);
    }
    /// The number in a name; none where no number is written so.
    std::optional<int64_t> number_in(std::string_view name) const {
        int64_t number = -1;
        if (!name.starts_with(prefix)) return {};
        std::from_chars(name.data() + prefix.size(), name.data() + name.size(), number);
        if (number < 0 || of(number) != name) return {};
        return number;
    }
};

/// The picture of an epoch's samples, in `samples/`.
inline constexpr NumberedName kSamplesName{.prefix = "epoch-", .ending = ".png", .digits = 3};

}  // namespace gmc::runtime
