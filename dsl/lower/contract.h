// What a model says of its data and its training, as the compiled module says it (ir/contract.h).
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "compiler/ir/module.h"
#include "dsl/spec.h"

namespace gmc::lower {

/// Sets the module's description, data, test data and training. `label_classes`: per field the
/// classes that layers and functions need (ModuleScope::label_classes); they count where the model
/// says no number. The test data of a synthetic set continue the sequence that its training data
/// begin.
void write_contract(const dsl::ModelSpec& spec, const std::map<std::string, int64_t>& label_classes,
                    ir::Module& module);

}  // namespace gmc::lower
