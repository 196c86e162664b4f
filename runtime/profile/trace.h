// A profile as a file of the Chrome trace event format, which Perfetto and chrome://tracing open.
#pragma once

#include <string>

#include "runtime/profile/step_profile.h"

namespace gmc::runtime {

/// {"traceEvents": [...]} with complete events in microseconds from the earliest on, a batch that
/// was begun before the first round or that round. One track for the step: rounds, in them
/// functions and waiting for data, in these operations; what others lie in comes first. One track
/// for the thread that prepares data.
std::string chrome_trace(const ir::Module& module, const StepProfile& profile);

}  // namespace gmc::runtime
