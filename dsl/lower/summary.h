// What `gmc summary` shows of a model: its networks, layer by layer. Enters: a ModelSpec. Leaves: a
// list of summaries.
#pragma once

#include <vector>

#include "compiler/support/result.h"
#include "dsl/lower/networks.h"

namespace gmc::lower {

/// The networks in the order of the file. Errors are those that build_module reports about them.
Result<std::vector<NetworkSummary>> summarize(const dsl::ModelSpec& spec, Diagnostics& diagnostics);

}  // namespace gmc::lower
