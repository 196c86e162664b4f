// Weights in and out of a model, in our layouts and in PyTorch's. `runtime/weights` says which
// tensor of a file belongs to which state; here the numbers move.
#pragma once

#include <string>
#include <vector>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "runtime/states/state_store.h"

namespace gmc::runtime {

/// What a run began with, beside its initializers: a line per state or tensor.
struct TakenWeights {
    std::string file;
    /// Names of states; `state = tensor` where the tensor has another name.
    std::vector<std::string> taken;
    /// Name and reason: another shape, or not in this model.
    std::vector<std::string> skipped;
    /// States for which the file has nothing: they keep their initial values.
    std::vector<std::string> fresh;
    /// Of the parameters and statistics that were taken; "": take_named_weights() has none.
    std::string checksum;
    /// How many were taken, skipped and are new, in a line: "`w`: 6 taken, ...".
    std::string summary() const;
    /// All of it as lines of text, the first with the summary.
    std::vector<std::string> lines() const;
};

/// Fills parameters and statistics from a run's folder, a checkpoint of any model, or any
/// safetensors file, as far as names and shapes are the same (pair_weights). Averages begin with
/// the file's, or with their parameters where it has none. Frozen networks that the model takes
/// from a file are skipped. Warns of weights that
/// are not trained yet (kNotTrained). Errors: those of the file; kBadValue where nothing fits, or
/// where a part of a `state_dict` does not fit. Then nothing is changed.
Result<TakenWeights> take_weights(const std::string& path, const std::string& layout,
                                  StateStore& states, Diagnostics& diagnostics);

/// Fills the networks for which the model names a file by `weights` (ir::Network); all of their
/// weights must fit. Warns as take_weights does. Errors: those of the file; kBadFile where it has
/// changed since the model was compiled; those of pair_network.
Result<std::vector<TakenWeights>> take_named_weights(StateStore& states, Diagnostics& diagnostics);

/// Writes parameters and running statistics alone, for other programs and `--init`; `averaged`: the
/// moving average of each parameter that has one, under the parameter's own name. Errors: kBadFile;
/// kBadValue where averages are asked for and there are none.
[[nodiscard]] bool write_weights(const std::string& path, const StateStore& states, bool averaged,
                                 const std::string& layout, Diagnostics& diagnostics);

}  // namespace gmc::runtime
