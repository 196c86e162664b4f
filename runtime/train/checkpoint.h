// Checkpoints: everything that a run needs to go on as if it had never stopped. A checkpoint is a
// safetensors file (runtime/files/tensors) with a tensor per state of the model, by its name:
//
//   generator.dense.weight           parameters, in Keras' layouts: dense [in, out], convolution
//                                    [height, width, in, out], transposed [height, width, out, in]
//   generator.batch_norm.moving_mean running statistics
//   average.generator.dense.weight   moving averages of parameters
//   optimizer.generator.m            what the optimizer remembers: one number per number of the
//                                    network's parameters, these one after another in the order of
//                                    the file, each filled up to a multiple of 32 numbers
//   batch.0.image                    of a replay: the batches of the next step
//
// Where training stands is in the metadata, each entry as text: see write_checkpoint.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "runtime/data/loader.h"
#include "runtime/files/tensors/safetensors.h"
#include "runtime/states/state_store.h"

namespace gmc::runtime {

/// What was seen of a figure of validation that is watched.
struct Watched {
    std::optional<double> best;
    int64_t epochs_since = 0;  ///< without a better value
};

/// Where training stands, beside the states.
struct TrainingState {
    uint64_t seed = 1;
    /// Training rounds that are finished.
    int64_t step = 0;
    /// Calls of training functions so far, which is part of every random counter.
    uint32_t call = 0;
    /// Finished passes over the data, and finished examples of the present pass. They are counted
    /// in examples, not in batches, because a resumed run may have another batch size.
    int64_t pass = 0, example = 0;
    double epoch = 0;     ///< both as one number
    double rate = 1;      ///< share of each update that is applied: lowered after divergence
    int64_t retries = 0;  ///< how often training went back after divergence
    Watched best, stopping;
    /// The batch that comes next, for batches of this size.
    Cursor cursor(int64_t batch_size) const {
        return {pass, (example + batch_size - 1) / batch_size};
    }
};

/// A batch of the next step, by field of the data: what a replay has in addition.
struct ReplayBatch {
    double epoch = 0;  ///< passes over the data before it
    std::vector<std::pair<std::string, std::vector<float>>> fields;
};

/// The name of a run's last checkpoint in its folder.
inline constexpr char kCheckpointName[] = "checkpoint.safetensors";
/// The same before format 3.
inline constexpr char kOldCheckpointName[] = "checkpoint";
/// Whether a run's folder has one of either name. (The old one is read up to its format, for the
/// error.)
bool has_checkpoint(const std::string& folder);

/// Writes states and training state to `path`, and the batches of a replay. Metadata: `format`
/// ("gmc-checkpoint 3"), `gmc` (the version that wrote it), `model`, `model_fingerprint`,
/// `data_fingerprint`, and the fields of TrainingState by name. False after an error (kBadFile):
/// the file that was there is untouched.
[[nodiscard]] bool write_checkpoint(const std::string& path, const StateStore& states,
                                    const TrainingState& training, Diagnostics& diagnostics,
                                    const std::vector<ReplayBatch>& batches = {});

/// Reads a checkpoint of the same model into `states`. Errors (kBadFile): no such file, not a
/// checkpoint, another version, cut off or changed, or of a model with other states (the message
/// names the first difference). The whole file is checked before a state is changed.
[[nodiscard]] bool read_checkpoint(const std::string& path, StateStore& states,
                                   TrainingState& training, Diagnostics& diagnostics,
                                   std::vector<ReplayBatch>* batches = nullptr);

/// What the average of a parameter is called: this and the parameter's name.
inline constexpr char kAveragePrefix[] = "average.";
/// A parameter or statistic, and the state whose numbers are written for it.
struct WeightSource {
    ir::StateId state = ir::kNone, source = ir::kNone;
};
/// What a file of weights holds. Errors (kBadValue): averages are asked for and there are none.
Result<std::vector<WeightSource>> weight_sources(const StateStore& states, bool averaged,
                                                 Diagnostics& diagnostics);
Metadata weight_metadata(const StateStore& states, bool averaged, const std::string& layout);

/// Writes parameters and running statistics alone, for other programs and `--init`; `averaged`: the
/// moving average of each parameter that has one, under the parameter's own name. Errors: kBadFile;
/// kBadValue where averages are asked for and there are none.
[[nodiscard]] bool write_weights(const std::string& path, const StateStore& states, bool averaged,
                                 Diagnostics& diagnostics);

/// What a new run took from the weights of another run.
struct TakenWeights {
    /// Names of states.
    std::vector<std::string> taken;
    /// Name and reason: another shape, or not in this model.
    std::vector<std::string> skipped;
    /// Only in this model: they keep their initial values.
    std::vector<std::string> fresh;
};
/// Copies parameters and running statistics that have the same name and shape from the checkpoint
/// of any model, or from any safetensors file. Warns of weights that are not trained yet
/// (kNotTrained). Errors (kBadFile): no such file, not of this form,
/// cut off or changed.
Result<TakenWeights> take_weights(const std::string& path, StateStore& states,
                                  Diagnostics& diagnostics);

}  // namespace gmc::runtime
