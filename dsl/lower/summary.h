// What `gmc summary` shows of a model: its networks, layer by layer.
#pragma once

#include <vector>

#include "compiler/support/result.h"
#include "dsl/lower/networks.h"

namespace gmc::lower {

/// The networks in the order of the file; errors are the ones build_module would report for them.
Result<std::vector<NetworkSummary>> summarize(const dsl::ModelSpec& spec, Diagnostics& diagnostics);

}  // namespace gmc::lower
