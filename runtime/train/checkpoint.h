// Checkpoints: everything that a run needs to go on as if it had never stopped. A checkpoint is one
// file, written atomically:
//
//   gmc-checkpoint 2 LENGTH          LENGTH bytes of JSON: the training state and the list of states
//   {"seed": ..., "step": ..., ...}
//   <the states' memory, as in StateStore::bytes_begin>
//   <CRC-32 of all before it, 8 hexadecimal digits and a line break>
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "runtime/data/loader.h"
#include "runtime/states/state_store.h"

namespace gmc::runtime {

/// How far training is, apart from the values of the states.
struct TrainingState {
    uint64_t seed = 1;
    /// Training rounds that are finished.
    int64_t step = 0;
    /// Calls of training functions so far, which is part of every random counter.
    uint32_t call = 0;
    /// Finished passes over the data, and finished examples of the present pass. They are counted
    /// in examples, not in batches, because a resumed run may have another batch size.
    int64_t pass = 0, example = 0;
    /// Both as one number.
    double epoch = 0;
    /// The batch that comes next, for batches of this size.
    Cursor cursor(int64_t batch_size) const {
        return {pass, (example + batch_size - 1) / batch_size};
    }
};

/// Writes states and training state to `path`. False after an error (kBadFile); then an existing
/// file is unchanged.
[[nodiscard]] bool write_checkpoint(const std::string& path, const StateStore& states,
                                    const TrainingState& training, Diagnostics& diagnostics);

/// Reads a checkpoint of the same model into `states`. Errors (kBadFile): no such file, not a
/// checkpoint, another version, cut off or changed, or of a model with other states (the message
/// names the first difference). After an error `states` are unchanged.
[[nodiscard]] bool read_checkpoint(const std::string& path, StateStore& states,
                                   TrainingState& training, Diagnostics& diagnostics);

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
/// of any model. Errors (kBadFile): no such file, not a checkpoint, another version, cut off or
/// changed.
Result<TakenWeights> take_weights(const std::string& path, StateStore& states,
                                  Diagnostics& diagnostics);

}  // namespace gmc::runtime
