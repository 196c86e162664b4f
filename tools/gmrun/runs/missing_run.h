// Says which run or model was probably meant where a path leads to none.
#pragma once

#include <string>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::tools {

/// Reports a path of a run or of a compiled model that leads nowhere (kBadFile): the error suggests
/// the nearest run or .gmc file, or lists the runs that there are.
Failure no_such_run(const std::string& path, Diagnostics& diagnostics);

/// Whether `path` may be read as a run or a model: it is there, and a folder holds a run. Otherwise
/// reports it as above.
[[nodiscard]] bool expect_run(const std::string& path, Diagnostics& diagnostics);

}  // namespace gmc::tools
