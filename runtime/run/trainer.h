// The one training loop for every model: it knows functions and data, but not GANs or VAEs. Enters:
// a loaded model and options. Leaves: a run's folder.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "compiler/support/diagnostic.h"
#include "compiler/support/pace.h"
#include "runtime/run/stop_request.h"
#include "runtime/train/checkpoint.h"
#include "runtime/train/loaded_model.h"

namespace gmc::runtime {

struct BadStep;  // runtime/run/replay.h

class TuningCache;

/// What the command line says about a run. What is not set is taken from the run that is resumed
/// (RunSettings of run_record.h), or from the model.
struct TrainOptions {
    std::string run_directory;  ///< "": the next free one in runs/ (run_folder.h)
    bool resume = false;        ///< go on from the run's checkpoint
    bool overwrite = false;     ///< give up the run that is in the folder
    std::string changed;        ///< what a resumed run has otherwise from here on, for its log
    std::string init;           ///< a run or a file that the weights of a new run come from
    std::string init_layout = "keras";  ///< one of weight_layouts()
    std::optional<uint64_t> seed;       ///< of a new run, by default 1; a resumed one has its own
    std::optional<int64_t> epochs;      ///< instead of the run's or the model's
    int64_t more_epochs = 0;            ///< beyond these
    std::optional<int64_t> steps_most;  ///< stop after this many steps in all
    /// When to validate and stop, instead of what the model says (ir::RunPolicy).
    std::optional<ir::RunPolicy> policy;
    /// When to save beside the ends of epochs, instead of what the policy says.
    std::optional<Pace> checkpoint_every;
    /// Steps between two lines of metrics.jsonl; by default 50, or an epoch where that is shorter.
    std::optional<int64_t> log_every;
    /// Samples drawn after each epoch, 0 = none; by default 64 images or 2000 points.
    std::optional<int64_t> sample_count;
    /// Shows the warnings so far, before the first step, and may empty the list.
    std::function<void(Diagnostics&)> show_warnings = nullptr;
    /// Writes what metrics.jsonl gets and the pictures of samples as events for TensorBoard, too.
    bool tensorboard = false;
    /// No progress line; signs of trouble are told all the same.
    bool quiet = false;
    /// Steps that each process of a group takes on its own; a resumed run has its own.
    std::optional<int64_t> local_steps;
    std::optional<OuterStep> outer;  ///< of these; by default kAverage
    bool told_before = false;        ///< what a resumed run has otherwise than it had
    bool in_copy = false;  ///< the folder goes away after training: nothing is said of its files
    /// The fingerprint of the data that steps in a copy were computed with; "": the checkpoint's.
    std::string trained_on;
    /// Checked after each step.
    StopRequest* stop = nullptr;
    /// Chooses contractions by measuring; null: static rules choose. A resumed run ignores this and
    /// makes the choices that it was begun with.
    TuningCache* tuning = nullptr;
    bool bf16 = true;     ///< false: the model computes in f32 (LoadedModel::disable_bf16)
    std::string version;  ///< of the program, for the run's record
    /// Called when a number was not finite, with the step in which that happened. The model's
    /// states are those from before it, and may be changed.
    std::function<void(const BadStep& step)> on_diverged;
};

/// How a run ended; the command's exit code follows from it.
enum class TrainEnd {
    kDone,
    /// An error was reported before the first step: the input is wrong.
    kNotStarted,
    /// An error was reported later; the state after the last good step is saved.
    kFailed,
    /// A loss or a state is not finite; the last good checkpoint is kept.
    kDiverged,
    /// A checkpoint was written.
    kInterrupted,
};

struct TrainResult {
    TrainEnd end = TrainEnd::kNotStarted;
    /// The run's folder.
    std::string folder;
    /// The last step; of one that diverged, that after which a number was not finite.
    int64_t step = 0;
};

/// Trains and writes, into the run's folder: model.gmc (a copy), run.json (run_record.h),
/// checkpoint (after each epoch, at the end, and as the policy says), checkpoints/, metrics.jsonl,
/// samples/epoch-NNN.png where the model has a function `sample` that makes images or points of
/// noise and labels, and events.out.tfevents.* when asked.
///
/// The end is counted in passes over the data, not in steps. So a run that is resumed with another
/// batch size or with more data still trains for the number of epochs asked for.
TrainResult train(LoadedModel& model, const TrainOptions& options, Diagnostics& diagnostics);

}  // namespace gmc::runtime
