// What `gmc summary` shows of a model: its networks, layer by layer.
#pragma once

#include <vector>

#include "compiler/build/networks.h"
#include "compiler/support/result.h"

namespace gmc::build {

/// The networks in the order of the file; errors are the ones build_module would report for them.
Result<std::vector<NetworkSummary>> summarize(const dsl::ModelSpec& spec, Diagnostics& diagnostics);

}  // namespace gmc::build
