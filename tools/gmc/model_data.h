// Reads the data that a module names, for commands of gmc that check them.
#pragma once

#include <vector>

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "dsl/spec.h"
#include "runtime/data/dataset.h"

namespace gmc::tools {

/// Opens `fields`, which are the model's `data` or `test`. Errors: those of runtime/data.
/// `places`: where the model says each of them.
Result<runtime::Dataset> open_data(const std::vector<ir::DataField>& fields,
                                   Diagnostics& diagnostics, const std::vector<Span>& places = {});

/// Prints the columns of the fields that are tables: what each was found to be, and its values.
void print_tables(const ir::Module& module);

/// Reads every example of `data` and `test` and prints what each field holds. An example that
/// cannot be read is an error, and so are fewer of them than a batch. `spec`: what the module was
/// built of, for places.
void check_data(const ir::Module& module, const dsl::ModelSpec& spec, Diagnostics& diagnostics);

}  // namespace gmc::tools
