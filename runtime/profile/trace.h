// Writes a profile as a file of the Chrome trace event format, which Perfetto and chrome://tracing
// open.
#pragma once

#include <string>

#include "runtime/profile/step_profile.h"

namespace gmc::runtime {

/// {"traceEvents": [...]} with complete events, in microseconds from the start of the first round,
/// or of a batch that was begun before it. One track is for the step: rounds, inside them functions
/// and waiting for data, and inside functions operations. The other track is for the thread that
/// prepares data. An event that contains others comes before them.
std::string chrome_trace(const ir::Module& module, const StepProfile& profile);

}  // namespace gmc::runtime
