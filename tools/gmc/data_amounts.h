// How many examples a model's training data have, as far as names and headers of files tell.
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "dsl/spec.h"

namespace gmc::tools {

/// Reports training data that are there and have fewer examples than `count:` asks for, than a
/// batch, or than are left to train on beside those of `validate:`; as errors (kBadValue), or with
/// `needed` false as warnings: such a model can be compiled, but not trained here. Reads headers
/// and lists folders only; what cannot be read is left to those who read it. `spec`: what the
/// module was built of, for places.
void check_amounts(const ir::Module& module, const dsl::ModelSpec& spec, bool needed,
                   Diagnostics& diagnostics);

}  // namespace gmc::tools
