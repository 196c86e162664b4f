// Whether the files of a model's data are there.
#pragma once

#include "compiler/support/diagnostic.h"
#include "dsl/spec.h"

namespace gmc::dsl {

/// Warns of each file or folder of `data` and `test` that is not there, at its place in the model:
/// a model may be compiled elsewhere than it is trained. With `needed` these are errors. One
/// without which the model could not be read is told already. True when all are there.
bool check_data_files(const ModelSpec& model, bool needed, Diagnostics& diagnostics);

}  // namespace gmc::dsl
