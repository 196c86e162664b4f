// What a replay shows of the step in which a run went wrong.
#pragma once

#include <string>

#include "runtime/contractions/tuning_cache.h"
#include "runtime/train/loaded_model.h"
#include "tools/command_line/command_line.h"

namespace gmc::tools {

/// Runs the step of the file `replay` again, and prints the first operation of which a result is
/// not finite, with its place in the model. The model's states are changed. False after an error,
/// which is printed. The finding goes to the standard output where it `is_result` of the command,
/// else to the standard error.
bool print_finding(runtime::LoadedModel& model, const std::string& replay,
                   runtime::TuningCache* tuning, bool bf16, bool is_result);

}  // namespace gmc::tools
