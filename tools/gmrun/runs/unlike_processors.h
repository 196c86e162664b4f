// Processes of a group whose processors have unlike instructions.
#pragma once

#include <string>

#include "runtime/processes/process_group.h"

namespace gmc::tools {

/// Has all processes compute with AVX2 only where their instructions differ, or where process 0
/// goes on with `run`, which keeps to AVX2 ("": with none). Process 0 says so, and which process
/// has what; it says, too, where processors differ in other ways. Every process calls it before
/// anything is computed. Where one has no AVX2, all stays as it is: roll_call() refuses that.
void level_instructions(runtime::ProcessGroup& group, const std::string& run);

}  // namespace gmc::tools
