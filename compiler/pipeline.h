// The passes of gmc and their order. The one list of passes that there is.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "compiler/passes/pass_manager.h"

namespace gmc {

/// The passes that turn the module that dsl/lower builds into the module that the runtime reads.
const std::vector<passes::Stage>& pipeline();

/// Every pass, in the order of the pipeline.
std::vector<passes::Pass> all_passes();

/// Stages that run just the passes named; a stage per pass. An unknown name is put into `unknown`.
std::vector<passes::Stage> stages_of(const std::vector<std::string>& names, std::string& unknown);

/// The stages that lead to a point of the pipeline. `gmc dump --stage=` can show these points:
///   ir    as built, with `gradient` ops
///   grad  differentiated
///   opt   simplified and fused
///   plan  with its memory planned: what is in a .gmc file
std::vector<passes::Stage> pipeline_until(std::string_view stage);

}  // namespace gmc
