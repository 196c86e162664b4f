// How places in model files are shown in listings (`gmc dump --format=loops`, profiles).
#pragma once

#include <string>

#include "compiler/ir/module.h"

namespace gmc::ir {

/// "model.yaml:12:5": the file as seen from the folder of the model, which is the module's first
/// file. A file outside of that folder, such as an installed recipe, is shown by its name and that
/// of its folder. Empty for a place that is not known.
std::string short_place(const Module& module, const Location& location);

}  // namespace gmc::ir
