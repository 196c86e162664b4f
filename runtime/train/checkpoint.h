// Checkpoints: everything that a run needs to go on as if it had never stopped. A checkpoint is a
// safetensors file (runtime/files/tensors) with a tensor per state of the model, by its name:
//
//   generator.dense.weight           parameters, in Keras' layouts: dense [in, out], convolution
//                                    [height, width, in, out], transposed [height, width, out, in]
//   generator.batch_norm.moving_mean running statistics
//   average.generator.dense.weight   moving averages of parameters
//   optimizer.gan.m.generator.dense.weight   what the optimizer of the entry `gan` remembers of
//                                    that parameter, in its layout
//   epoch_start.generator.dense.weight   in mid-epoch: the weight when the epoch began, with which
//                                    signs of the run's health compare it
//   outer_momentum.generator.dense.weight   after local steps (local_steps.h)
//   batch.0.image                    of a replay: the batches of the next step
//
// Where training stands is in the metadata, each entry as text: see write_checkpoint.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "runtime/data/loader.h"
#include "runtime/files/tensors/safetensors.h"
#include "runtime/metrics/sign_counters.h"
#include "runtime/states/state_store.h"
#include "runtime/weights/weight_file.h"

namespace gmc::runtime {

/// The history of a validation figure that is watched.
struct Watched {
    std::string figure;  ///< its name; "": an older checkpoint, which does not say it
    std::optional<double> best;
    int64_t epochs_since = 0;  ///< without a better value
};

/// Where training went back to after divergence, and from which step. An epoch's end without a step
/// since writes the same weights again, which are found under its step then: `weights` is the step
/// that made them, 0 of the first weights.
struct WentBack {
    int64_t to = 0, at = 0, weights = 0;
};

/// The parameters that training updates, as they once were.
using KeptWeights = std::map<ir::StateId, std::vector<float>>;
KeptWeights keep_weights(const StateStore& states);

/// Where training stands, beside the states. Copies share the weights that it has.
struct TrainingState {
    uint64_t seed = 1;
    /// Training rounds that are finished.
    int64_t step = 0;
    /// Calls of training functions so far. Their low 32 bits are part of every random counter.
    int64_t call = 0;
    /// Finished passes over the data, and finished examples of the present pass. They are counted
    /// in examples, not in batches, because a resumed run may have another batch size.
    int64_t pass = 0, example = 0;
    double epoch = 0;     ///< `pass` and `example` as one number
    double rate = 1;      ///< share of each update that is applied: lowered after divergence
    int64_t retries = 0;  ///< how often training went back after divergence
    /// The step of the state that training goes back to after divergence, where that is an earlier
    /// one: this checkpoint was written only because training stopped, or by the clock.
    std::optional<int64_t> back_to;
    /// Of a state that training goes back to: the step of the one before it. Nothing: it is the
    /// first.
    std::optional<int64_t> before;
    /// The last time that training went back, unless it has come to another such state since.
    std::optional<WentBack> went_back;
    Watched best, stopping;
    /// Count and checksum of the validation data that these are of (fingerprint.h); "": not known.
    std::string validation;
    /// Fingerprint of the data that were trained on (fingerprint.h), cut short; "": not known.
    std::string data;
    /// Of the test data, by field; "": not known, or there are none.
    std::string test;
    /// LoadedModel::checksum_of_steps() of the model that took the last step; "": not known, or
    /// there was none.
    std::string computed_by;
    /// The step after which the present epoch began, and the weights then; null: not read.
    int64_t epoch_began = 0;
    std::shared_ptr<const KeptWeights> epoch_start;
    /// Of the outer step of local steps; null: there is none.
    std::shared_ptr<const KeptWeights> outer_momentum;
    /// A pass has just ended, and what is done then (validation, samples) is left to do.
    bool epoch_end_left = false;
    SignCounters signs;
    std::string init;  ///< the file that the weights came from; "": their initializers
    /// The step that made the weights which training had after step `at`, as far as the last time
    /// that it went back tells.
    int64_t weights_step_at(int64_t at) const {
        return went_back && went_back->at == at ? went_back->weights : at;
    }
    /// The step that made the weights.
    int64_t weights_step() const { return weights_step_at(step); }
    /// The batch that comes next, for batches of this size: it begins with the next example, even
    /// where the present pass was begun with batches of another size.
    Cursor cursor(int64_t batch_size) const {
        return {pass, example / batch_size, example % batch_size};
    }
};

/// Throws JsonError where the fields cannot be of one run.
void check_training_state(const TrainingState& at);

/// Throws JsonError where a text is not one line of at most 200 printable characters, as versions,
/// fingerprints and names are.
void check_line(const std::string& name, const std::string& text);

/// Throws JsonError where these are not what ir::Origin has of a module: both, or none of the data,
/// as of a module that was not compiled from a model.
void check_fingerprints(const std::string& model, const std::string& data);

/// A batch of the next step, by field of the data. Only replay files have them.
struct ReplayBatch {
    double epoch = 0;  ///< passes over the data before it
    std::vector<std::pair<std::string, std::vector<float>>> fields;
};

/// Writes states and training state to `path`, and the batches of a replay. Metadata: `format`
/// ("gmc-checkpoint 3", with `epoch_start` 4, with `outer_momentum` 5), `gmc` (the version that
/// wrote it), `model`, `model_fingerprint`, `data_fingerprint`, of a replay `functions`
/// (LoadedModel::checksum_of_functions()), and the fields of TrainingState by name; its
/// `outer_momentum`, and its `epoch_start`, where that is not what the states are, as tensors.
/// False after an error (kBadFile): the file that was there is untouched.
[[nodiscard]] bool write_checkpoint(const std::string& path, const StateStore& states,
                                    const TrainingState& training, Diagnostics& diagnostics,
                                    const std::vector<ReplayBatch>& batches = {},
                                    const std::string& functions = "");

/// What a checkpoint says of itself.
struct CheckpointHeader {
    TrainingState training;
    std::string model_fingerprint;  ///< of the model that wrote it; "": it has none
    std::string functions;          ///< of a replay: their checksum; "": not known
};
/// Reads no tensor. Errors (kBadFile): those of read_checkpoint that are not about the model.
Result<CheckpointHeader> read_checkpoint_header(const std::string& path, Diagnostics& diagnostics);

/// Which model and data the run was of that wrote a checkpoint; "" where that is not known.
struct CheckpointOrigin {
    std::string model, data;
    std::string data_values, test_values;  ///< of TrainingState::data and test
    std::optional<uint64_t> seed;
};
/// Reads nothing but the metadata, and checks nothing: for a checkpoint that was read before.
CheckpointOrigin origin_of_checkpoint(const std::string& path);

/// Reads a checkpoint of the same model into `states`. Errors (kBadFile): no such file, not a
/// checkpoint, another version, cut off or changed, numbers that no run can have come to, or states
/// other than the model's (the message names the first difference). The whole file is checked
/// before a state is changed.
[[nodiscard]] bool read_checkpoint(const std::string& path, StateStore& states,
                                   TrainingState& training, Diagnostics& diagnostics,
                                   std::vector<ReplayBatch>* batches = nullptr);
/// Sets the slots that processes share to those of a checkpoint that was read before:
/// read_checkpoint has given this process its part. Errors: those of read_checkpoint.
[[nodiscard]] bool share_slots_of(const std::string& path, SlotParts& slots,
                                  Diagnostics& diagnostics);
/// Gives `to`, the states of one process alone, what a checkpoint of `from` would have: that of
/// another store of the same model, whose slots processes may share.
void copy_saved_states(const StateStore& from, StateStore& to);
/// Fills in training.outer_momentum, where the checkpoint has one, which only those need that train
/// on. Errors: those of read_checkpoint.
[[nodiscard]] bool read_outer_momentum(const std::string& path, const StateStore& states,
                                       TrainingState& training, Diagnostics& diagnostics);
/// Fills in training.epoch_start, which only those need that train on, from the checkpoint that
/// `states` and `training` were read from. Errors: those of read_checkpoint.
[[nodiscard]] bool read_epoch_start(const std::string& path, const StateStore& states,
                                    TrainingState& training, Diagnostics& diagnostics);

}  // namespace gmc::runtime
