// Where a step of training goes wrong: the first operation whose result is not finite and reaches a
// loss, a metric or a state.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/train/checkpoint.h"
#include "runtime/train/loaded_model.h"

namespace gmc::runtime {

/// What a tensor holds. Of the numbers that are finite: smallest, largest, mean of the absolute
/// values.
struct TensorStatistics {
    std::string name, type;
    /// The nearest layer that it comes from, with its place in the model: "`encoder.dense`
    /// (my.yaml:12:9)"; "" where there is none, or several are as near.
    std::string layer;
    /// Where the first axis is that of the batch: the examples, from 0, that alone have numbers
    /// that are not finite; else the one whose numbers are 100 times as large as all others'.
    std::vector<int64_t> bad_examples;
    std::optional<int64_t> large_example;
    int64_t count = 0, nans = 0, infinities = 0, zeros = 0;
    double smallest = 0, largest = 0, mean_absolute = 0;
};
/// "%x, f32[16,64]: from -3.2 to 5.1, mean |x| 0.2; 3 of 1024 are 0"
std::string text_of(const TensorStatistics& statistics);

struct Finding {
    std::string function;         ///< of the model: "step_vae"
    std::string operation;        ///< "log"
    std::string name;             ///< its result as people know it: "%decoder.dense"
    std::string place;            ///< "models/vae.yaml:28:9"; "" when it is not known
    std::optional<int64_t> pass;  ///< where a loop of the language runs it: which, from 0
    std::vector<TensorStatistics> operands;
    TensorStatistics result;
};

/// A step: where training stood, its batches, and how its contractions were computed.
struct Replay {
    std::string file;  ///< for errors
    TrainingState training;
    std::vector<ReplayBatch> batches;
    TuningCache* tuning = nullptr;  ///< as LoadedModel::set_tuning takes it
    bool bf16 = true;               ///< what was compiled for bf16 is computed so
};

/// Repeats the step and looks at every result. Returns nothing where all losses, metrics and
/// updates were finite, which happens when this machine rounds differently from the one that
/// recorded the step. The model's states must be those of the replay; they are changed. Errors:
/// those of Executable::make; batches that are missing or not the model's.
Result<std::optional<Finding>> find_first_not_finite(LoadedModel& model, const Replay& replay,
                                                     Diagnostics& diagnostics);

/// The finding as lines of text, without a line break at the end.
std::string text_of(const Finding& finding);

}  // namespace gmc::runtime
