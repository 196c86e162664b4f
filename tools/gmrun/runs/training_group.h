// The processes that mpirun has started to train a model together.
#pragma once

#include <memory>
#include <string>

#include "compiler/support/diagnostic.h"
#include "runtime/processes/process_group.h"
#include "runtime/run/stop_request.h"

namespace gmc::tools {

/// Joins the group of this process; null where it runs alone, and after an error (kBadValue): there
/// is no plug-in for the MPI at hand.
std::unique_ptr<runtime::ProcessGroup> join_training(const runtime::StopRequest& stop,
                                                     Diagnostics& diagnostics);

/// Whether the processes have the same program, model and kernels, and all have loaded the model at
/// `path`. Process 0 reports what is wrong.
bool can_train_together(runtime::ProcessGroup& group, const std::string& path,
                        Diagnostics& diagnostics);

}  // namespace gmc::tools
