// The one training loop, for every model: it knows functions and data, not GANs or VAEs.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>

#include "runtime/train/checkpoint.h"
#include "runtime/train/loaded_model.h"

namespace gmc::runtime {

struct TrainOptions {
    std::string run_directory;          ///< made if it is not there
    bool resume = false;                ///< go on from the run's checkpoint
    uint64_t seed = 1;                  ///< ignored on resume: the run has its own
    std::optional<int64_t> epochs;      ///< instead of the model's
    std::optional<int64_t> steps_most;  ///< stop after this many steps in all
    int64_t log_every = 50;             ///< steps between two lines of metrics.jsonl
    /// Samples drawn after each epoch, 0 = none; by default 64 images or 2000 points.
    std::optional<int64_t> sample_count;
    bool quiet = false;                              ///< no progress
    const std::atomic<bool>* interrupted = nullptr;  ///< becomes true on Ctrl-C
};

enum class TrainEnd {
    kDone,
    kNotStarted,   ///< an error was reported before the first step: the input is wrong
    kFailed,       ///< an error was reported later; the last checkpoint is as it was
    kDiverged,     ///< a loss is not finite; the last good checkpoint is kept
    kInterrupted,  ///< a checkpoint was written
};

/// Trains and writes, into the run's folder: model.gmc (a copy), checkpoint (after each epoch and
/// at the end), metrics.jsonl, samples/epoch-NNN.png where the model has a function `sample` that
/// makes images or points of noise and labels.
TrainEnd train(LoadedModel& model, const TrainOptions& options, Diagnostics& diagnostics);

/// What one training round needs: used by `train` and by `gmrun bench`.
class StepRunner {
  public:
    /// Binds the functions of the schedule, while the training data are read for the model's next
    /// loader. Check ok() before use.
    StepRunner(LoadedModel& model, Diagnostics& diagnostics);
    bool ok() const { return ok_; }
    /// Number of batches that one round takes from the loader.
    int64_t batches_per_round() const;
    /// Runs one round from `training` on, and moves it one round ahead. Each but the first begins
    /// by moving 2 MB to a huge page, until none is left in small ones. False after an error of the
    /// data.
    bool run(Loader& loader, TrainingState& training, Diagnostics& diagnostics);
    /// After run() was false: did a part of the round happen, so that the states are those of no
    /// step?
    bool broke_within_round() const { return broke_within_round_; }
    /// Losses and metrics of the last round, in the order of the functions.
    struct Named {
        std::string name;
        double value;
    };
    const std::vector<Named>& values() const { return values_; }

    struct Entry {
        Executable* executable;
        int64_t repeat;
    };
    /// The functions of a round, in order.
    const std::vector<Entry>& entries() const { return entries_; }
    /// From now on rounds append the times of all operations to `log`, which the caller keeps; null
    /// ends it. Times without a function are those of waiting for a batch and copying it.
    void set_timing(TimeLog* log);

  private:
    LoadedModel& model_;
    std::vector<Entry> entries_;
    std::vector<Named> values_;
    TimeLog* log_ = nullptr;
    const Loader* delivers_ = nullptr;  ///< makes its batches where the inputs are
    bool ok_ = true, first_ = true, broke_within_round_ = false;
};

}  // namespace gmc::runtime
