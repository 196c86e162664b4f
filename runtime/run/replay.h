// Replay files: the step of a run in which something went wrong, as a checkpoint from before the
// step and its batches. `gmrun replay` runs the step again, without the data set.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/files/run_names.h"
#include "runtime/run/good_state.h"
#include "runtime/train/step_runner.h"

namespace gmc::runtime {

inline constexpr char kReplayEnding[] = ".replay";
inline constexpr NumberedName kReplayName{.prefix = "diverged-step-", .ending = kReplayEnding};

/// Whether a file in a run's folder is called so.
inline bool is_replay(std::string_view name) { return kReplayName.number_in(name).has_value(); }

/// A step in which something went wrong.
struct BadStep {
    TrainingState training;            ///< before it
    std::vector<ReplayBatch> batches;  ///< of it; none where it could not be repeated
    std::string file;                  ///< its replay; "": there is none
    std::string why_no_file;           ///< what kept it from being repeated or written; else ""
};

/// Repeats the steps from `good` on, until one makes a loss or a state that is not finite, but no
/// more than the one after step `last`. Writes that step to a replay file in `folder`; of the other
/// replay files that were there, only the newest stays. There is no file when data cannot be read
/// or the file cannot be written. Afterwards the model's states are those from before that step. In
/// a group all processes repeat the steps, and process 0 writes the file: it has the whole batches
/// and states.
BadStep write_replay(LoadedModel& model, StepRunner& runner, Loader& loader, const GoodState& good,
                     int64_t last, const std::string& folder);

}  // namespace gmc::runtime
