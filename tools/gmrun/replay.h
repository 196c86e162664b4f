// What a replay shows of the step in which a run went wrong.
#pragma once

#include <string>

#include "runtime/doctor/first_not_finite.h"

namespace gmc::tools {

/// Runs the step again, and says which operation was the first to give a result that is not finite,
/// with its place in the model: "step 3: ...". The model's states have to be those from before the
/// step, and are changed. Errors: those of find_first_not_finite().
Result<std::string> finding_in(const runtime::Replay& replay, runtime::LoadedModel& model,
                               Diagnostics& diagnostics);

}  // namespace gmc::tools
