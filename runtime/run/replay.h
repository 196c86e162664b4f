// The step of a run in which something went wrong, in a file: a checkpoint from before it, and its
// batches. `gmrun replay` runs it again, without the data set.
#pragma once

#include <string>
#include <string_view>

#include "runtime/run/good_state.h"
#include "runtime/train/step_runner.h"

namespace gmc::runtime {

/// The name of its file begins and ends so; the step's number is in between.
inline constexpr char kReplayPrefix[] = "diverged-step-", kReplayEnding[] = ".replay";

/// Whether a file in a run's folder is called so.
inline bool is_replay(std::string_view name) {
    return name.starts_with(kReplayPrefix) && name.ends_with(kReplayEnding);
}

/// Repeats the steps from `good` on, up to and with the one behind step `last`, and writes the
/// first that makes a loss or a state that is not finite: into FOLDER. Returns
/// its path; "" when it cannot be written or read. The model's states are those before that step
/// then. Of the replays that were there, only the newest stays.
std::string write_replay(LoadedModel& model, StepRunner& runner, Loader& loader,
                         const GoodState& good, int64_t last, const std::string& folder);

}  // namespace gmc::runtime
