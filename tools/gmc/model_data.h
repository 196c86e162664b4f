// The data that a model names, for commands that read them before anything is compiled.
#pragma once

#include <vector>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "dsl/spec.h"
#include "runtime/data/dataset.h"

namespace gmc::tools {

/// Opens `fields`, which are the model's `data` or `test`. Errors: those of runtime/data.
Result<runtime::Dataset> open_data(const std::vector<dsl::DataField>& fields,
                                   Diagnostics& diagnostics);

/// Reads every example of `data` and `test` and prints what each field holds. Every example that
/// cannot be read is an error.
void check_data(const dsl::ModelSpec& spec, Diagnostics& diagnostics);

}  // namespace gmc::tools
