// What a replay shows of the step in which a run went wrong.
#pragma once

#include <string>

#include "runtime/contractions/tuning_cache.h"
#include "runtime/train/loaded_model.h"
#include "tools/command_line/command_line.h"

namespace gmc::tools {

/// Runs the step of the file `replay` again, and says which operation was the first to give a
/// result that is not finite, with its place in the model: "step 3: ...". The model's states are
/// changed. Errors: the file cannot be read, or is of another model; the step cannot be run.
Result<std::string> finding_in(const std::string& replay, runtime::LoadedModel& model,
                               runtime::TuningCache* tuning, bool bf16, Diagnostics& diagnostics);

}  // namespace gmc::tools
