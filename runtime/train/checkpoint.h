// Checkpoints: everything a run needs to go on as if it had never stopped. One file, written
// atomically:
//
//   gmc-checkpoint 1 LENGTH          of the JSON: the training state and the list of states
//   {"seed": ..., "step": ..., ...}
//   <the states' memory, as in StateStore::bytes_begin>
//   <CRC-32 of all before it, 8 hexadecimal digits and a line break>
#pragma once

#include <cstdint>
#include <string>

#include "compiler/support/diagnostic.h"
#include "runtime/data/loader.h"
#include "runtime/states/state_store.h"

namespace gmc::runtime {

/// Where training stands, beside the states.
struct TrainingState {
    uint64_t seed = 1;
    int64_t step = 0;   ///< training rounds done
    uint32_t call = 0;  ///< calls of training functions done: the random counter
    double epoch = 0;   ///< passes over the data done, with the part of the one under way
    Cursor cursor;      ///< the batch that comes next
};

/// Writes states and training state to `path`. False after an error (kBadFile): the file that was
/// there is untouched.
[[nodiscard]] bool write_checkpoint(const std::string& path, const StateStore& states,
                                    const TrainingState& training, Diagnostics& diagnostics);

/// Reads a checkpoint of the same model into `states`. Errors (kBadFile), which leave `states`
/// untouched: no such file, no checkpoint, newer version, cut off or changed, or of a model with
/// other states (the first difference is named).
[[nodiscard]] bool read_checkpoint(const std::string& path, StateStore& states,
                                   TrainingState& training, Diagnostics& diagnostics);

}  // namespace gmc::runtime
