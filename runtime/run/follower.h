// A process of a run that another one leads: it computes its share of each training step.
#pragma once

#include "runtime/run/opened_run.h"
#include "runtime/train/loaded_model.h"

namespace gmc::runtime {

/// In process 0, once the functions of the run are bound: tells the others how the run is computed.
void lead(const OpenedRun& run);
/// In all processes, once the data are there or are not: whether they are the same in all. Process
/// 0 reports what is wrong (kBadValue).
bool have_same_data(ProcessGroup& group, const std::string& data, Diagnostics& diagnostics);

/// In the other processes: computes what process 0 asks for, until it says that the run has ended.
/// Gives its exit code. Nothing is written.
int follow(LoadedModel& model, Diagnostics& diagnostics);

}  // namespace gmc::runtime
