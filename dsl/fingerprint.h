// What tells one model from another, in a few characters: a run keeps them, so that its checkpoint
// is not taken for that of a model with the same states but another objective.
#pragma once

#include <string>

#include "dsl/spec.h"

namespace gmc::dsl {

/// A hash of networks, losses and functions, and behind a `+` one of networks and losses alone:
/// what else there is may change while a run goes on (runtime/run/run_record.h). Each has sixteen
/// hexadecimal digits. How it is trained (batch size, epochs, optimizers, averages) and its name do
/// not count: a run may go on with others.
std::string model_fingerprint(const ModelSpec& spec);

/// A hash of the training data as the model names them: formats, files (not the folders that they
/// lie in), shapes, ranges. How many examples there are does not count.
std::string data_fingerprint(const ModelSpec& spec);

}  // namespace gmc::dsl
