// Names of the files that a run has in its folder. Only files that are called exactly so are a
// run's own: what else lies there is never counted, moved or removed.
#pragma once

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "compiler/support/paths.h"

namespace gmc::runtime {

/// The name of a run's last checkpoint in its folder.
inline constexpr char kCheckpointName[] = "checkpoint.safetensors";
/// The name that it had before format 3.
inline constexpr char kOldCheckpointName[] = "checkpoint";
/// The hidden folder of a run that is being replaced.
inline constexpr char kReplaced[] = ".replaced";
/// The hidden folder of what a run wrote that diverged before its first checkpoint, when the one
/// that it was to replace came back.
inline constexpr char kDiverged[] = ".diverged";

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

/// Whether a process trained in this folder, or began to.
inline bool is_folder_of_run(const std::string& path) {
    for (const char* name : {"run.json", ".lock", kCheckpointName, kOldCheckpointName})
        if (is_there(path + "/" + name)) return true;
    return false;
}

}  // namespace gmc::runtime
