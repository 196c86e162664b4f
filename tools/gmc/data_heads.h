// What names and headers of a model's data tell before any of them is read.
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "dsl/spec.h"

namespace gmc::tools {

/// Looks at the data that are there, `data` and `test`, in seconds at most: headers of arrays and
/// of all sound files, names of pictures and some of the pictures themselves, rows of test tables,
/// the first labels of sequences. Reports what the readers of data will not take, and training data
/// of fewer examples than `count:` asks for, than a batch, or than are left to train on beside
/// those of `validate:`, or to validate with. These are errors, or with `needed` false warnings:
/// such a model can be compiled, but not trained here. `spec`: what the module was built of, for
/// places.
void check_heads(const ir::Module& module, const dsl::ModelSpec& spec, bool needed,
                 Diagnostics& diagnostics);

}  // namespace gmc::tools
