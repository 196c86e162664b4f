// The one training loop, for every model: it knows functions and data, not GANs or VAEs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "compiler/support/diagnostic.h"
#include "runtime/train/loaded_model.h"
#include "runtime/train/stop_request.h"

namespace gmc::runtime {

class TuningCache;

/// How often a checkpoint is written beside those at the ends of epochs: after so many steps, or so
/// many seconds. 0 = not.
struct CheckpointPace {
    int64_t steps = 0;
    double seconds = 0;
};

struct TrainOptions {
    std::string run_directory;          ///< "": the next free one in runs/ (run_folder.h)
    bool resume = false;                ///< go on from the run's checkpoint
    bool overwrite = false;             ///< give up the run that is in the folder
    std::string init;                   ///< a checkpoint that the weights of a new run come from
    std::optional<uint64_t> seed;       ///< of a new run, by default 1; a resumed one has its own
    std::optional<int64_t> epochs;      ///< instead of the run's or the model's
    int64_t more_epochs = 0;            ///< beyond these
    std::optional<int64_t> steps_most;  ///< stop after this many steps in all
    CheckpointPace checkpoint_every;
    int64_t log_every = 50;  ///< steps between two lines of metrics.jsonl
    /// Samples drawn after each epoch, 0 = none; by default 64 images or 2000 points.
    std::optional<int64_t> sample_count;
    bool quiet = false;           ///< no progress
    StopRequest* stop = nullptr;  ///< is looked at after each step
    /// What chooses contractions by measuring; null: static rules do. A resumed run follows what it
    /// was begun with, whatever is here.
    TuningCache* tuning = nullptr;
    bool bf16 = true;     ///< false: the model computes in f32 (LoadedModel::disable_bf16)
    std::string version;  ///< of the program, for the run's record
};

enum class TrainEnd {
    kDone,
    kNotStarted,   ///< an error was reported before the first step: the input is wrong
    kFailed,       ///< an error was reported later; the state after the last good step is kept
    kDiverged,     ///< a loss or a state is not finite; the last good checkpoint is kept
    kInterrupted,  ///< a checkpoint was written
};

struct TrainResult {
    TrainEnd end = TrainEnd::kNotStarted;
    std::string folder;  ///< of the run
};

/// Trains and writes, into the run's folder: model.gmc (a copy), run.json (run_record.h),
/// checkpoint (after each epoch, at the end, and as options.checkpoint_every says), metrics.jsonl,
/// samples/epoch-NNN.png where the model has a function `sample` that makes images or points of
/// noise and labels.
///
/// The end is counted in passes over the data, not in steps: a run that is resumed with other
/// batches or more data trains to the end of the epochs asked for.
TrainResult train(LoadedModel& model, const TrainOptions& options, Diagnostics& diagnostics);

}  // namespace gmc::runtime
