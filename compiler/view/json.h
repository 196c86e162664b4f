// A module as JSON, for programs that look at it: `gmc dump --format=json`.
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/json.h"

namespace gmc::view {

/// {"model", "states": [...], "functions": [{"name", "inputs", "operations", "updates",
/// "results"}]}. Operations have "op", "operands", "results" (names, types, places), "attributes",
/// "at" (the place in the model) and, when fused, "body".
Json to_json(const ir::Module& module);

}  // namespace gmc::view
