// Writes what a model says about its data and its training into the module (see ir/contract.h),
// where the runtime reads it.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "compiler/ir/module.h"
#include "dsl/spec.h"

namespace gmc::lower {

/// Sets the module's description, data, test data and training. `label_classes` has, per field, the
/// number of classes that layers and functions need (ModuleScope::label_classes); it is used when
/// the model gives no number. The test data of a synthetic set continue the sequence of its
/// training data.
void write_contract(const dsl::ModelSpec& spec, const std::map<std::string, int64_t>& label_classes,
                    ir::Module& module);

}  // namespace gmc::lower
