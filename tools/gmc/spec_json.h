// A model as JSON after it was read: variables, recipes and blocks are expanded, defaults are
// filled in. For `gmc dump --stage=spec`.
#pragma once

#include "compiler/support/json.h"
#include "dsl/spec.h"

namespace gmc::tools {

/// Keys are in the order of the model language; expressions are text.
Json spec_json(const dsl::ModelSpec& spec);

}  // namespace gmc::tools
