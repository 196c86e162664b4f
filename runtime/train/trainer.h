// The one training loop, for every model: it knows functions and data, not GANs or VAEs. Enters: a
// loaded model and options. Leaves: a run's folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "compiler/support/diagnostic.h"
#include "runtime/train/loaded_model.h"
#include "runtime/train/stop_request.h"

namespace gmc::runtime {

class TuningCache;

/// How often a checkpoint is written in addition to those at the ends of epochs: after this many
/// steps, or this many seconds. 0: never.
struct CheckpointPace {
    int64_t steps = 0;
    double seconds = 0;
};

struct TrainOptions {
    /// "": the next free one in runs/ (run_folder.h).
    std::string run_directory;
    /// Continue from the run's checkpoint.
    bool resume = false;
    /// Replace the run that is in the folder.
    bool overwrite = false;
    /// A checkpoint that gives the initial weights of a new run.
    std::string init;
    /// Of a new run, by default 1; a resumed run has its own.
    std::optional<uint64_t> seed;
    /// In place of the run's or the model's.
    std::optional<int64_t> epochs;
    /// In addition to those.
    int64_t more_epochs = 0;
    /// Stop after this many steps in all.
    std::optional<int64_t> steps_most;
    CheckpointPace checkpoint_every;
    /// Steps between two lines of metrics.jsonl.
    int64_t log_every = 50;
    /// How many samples to draw after each epoch, 0: none; by default 64 images or 2000 points.
    std::optional<int64_t> sample_count;
    /// Shows the warnings so far, before the first step, and may empty the list.
    std::function<void(Diagnostics&)> show_warnings = nullptr;
    /// No progress line.
    bool quiet = false;
    /// Checked after each step.
    StopRequest* stop = nullptr;
    /// Chooses contractions by measuring; null: static rules choose. A resumed run ignores this and
    /// makes the choices that it was begun with.
    TuningCache* tuning = nullptr;
    /// False: the model is computed in f32 (LoadedModel::disable_bf16).
    bool bf16 = true;
    /// Of the program, for the run's record.
    std::string version;
};

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
    /// Of the run.
    std::string folder;
};

/// Trains, and writes into the run's folder: model.gmc (a copy), run.json (run_record.h),
/// checkpoint (after each epoch, at the end, and as options.checkpoint_every says), metrics.jsonl,
/// and samples/epoch-NNN.png if the model has a function `sample` that makes images or points from
/// noise and labels.
///
/// The end is counted in passes over the data, not in steps. So a run that is resumed with another
/// batch size or with more data still trains for the number of epochs asked for.
TrainResult train(LoadedModel& model, const TrainOptions& options, Diagnostics& diagnostics);

}  // namespace gmc::runtime
