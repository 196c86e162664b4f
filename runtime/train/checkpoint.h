// Checkpoints: everything a run needs to go on as if it had never stopped. One file, written
// atomically:
//
//   gmc-checkpoint 2 LENGTH          of the JSON: the training state and the list of states
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

/// Where training stands, beside the states.
struct TrainingState {
    uint64_t seed = 1;
    int64_t step = 0;   ///< training rounds done
    uint32_t call = 0;  ///< calls of training functions done: the random counter
    /// Passes over the data done, and examples done of the one under way: a resumed run may have
    /// other batches.
    int64_t pass = 0, example = 0;
    double epoch = 0;  ///< both as one number
    /// The batch that comes next, for batches of this size.
    Cursor cursor(int64_t batch_size) const {
        return {pass, (example + batch_size - 1) / batch_size};
    }
};

/// Writes states and training state to `path`. False after an error (kBadFile): the file that was
/// there is untouched.
[[nodiscard]] bool write_checkpoint(const std::string& path, const StateStore& states,
                                    const TrainingState& training, Diagnostics& diagnostics);

/// Reads a checkpoint of the same model into `states`. Errors (kBadFile), which leave `states`
/// untouched: no such file, no checkpoint, another version, cut off or changed, or of a model with
/// other states (the first difference is named).
[[nodiscard]] bool read_checkpoint(const std::string& path, StateStore& states,
                                   TrainingState& training, Diagnostics& diagnostics);

/// What a run that begins with another's weights took of them.
struct TakenWeights {
    std::vector<std::string> taken;    ///< names of states
    std::vector<std::string> skipped;  ///< name, and why: another shape, not in this model
    std::vector<std::string> fresh;    ///< in this model only: they stay as they were
};
/// Copies parameters and running statistics of the same name and shape from the checkpoint of any
/// model. Errors (kBadFile): no such file, no checkpoint, another version, cut off or changed.
Result<TakenWeights> take_weights(const std::string& path, StateStore& states,
                                  Diagnostics& diagnostics);

}  // namespace gmc::runtime
