// A model as it was read, as JSON: variables, recipes, blocks and defaults are in place.
#pragma once

#include "compiler/support/json.h"
#include "dsl/spec.h"

namespace gmc::tools {

/// Keys stand in the order of the model language; expressions are text.
Json spec_json(const dsl::ModelSpec& spec);

}  // namespace gmc::tools
