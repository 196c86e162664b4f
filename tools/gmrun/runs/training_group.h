// The processes that mpirun has started to train a model together.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compiler/support/diagnostic.h"
#include "runtime/processes/process_group.h"
#include "runtime/run/stop_request.h"
#include "runtime/train/loaded_model.h"
#include "tools/command_line/command_line.h"

namespace gmc::tools {

/// Parses the command line and sets up computing (set_computing). Nothing when the command goes on;
/// else the exit code with which this process ends: --help was printed, or the line is wrong. Of
/// several processes the first says what is wrong, and all end. Throws UsageError in the one that
/// is alone or the first.
std::optional<int> read_training_line(CommandLine& line, const std::vector<std::string>& words,
                                      runtime::StopRequest& stop);

/// Joins the group of this process; null where it runs alone. Processes that may use the same
/// processors share them, unless --threads says otherwise. Nothing when the command goes on; else
/// the exit code with which this process ends, and why is said: there is no plug-in for the MPI at
/// hand, or the processes are of different versions.
std::optional<int> join_training(const CommandLine& line, runtime::StopRequest& stop,
                                 std::unique_ptr<runtime::ProcessGroup>& group);

/// What a command of a group does, after it has loaded its model; `model` is null where that
/// failed. Once all have the same, process 0 calls `lead`, and the others follow. Gives the exit
/// code.
int share_training(runtime::ProcessGroup& group, const CommandLine& line,
                   runtime::LoadedModel* model, Diagnostics& diagnostics,
                   const std::function<int()>& lead);

/// A line about what the processes added up: "sums and gathers over 2 processes: 80 MiB, ..."; ""
/// where that is nothing.
std::string sums_text(const runtime::ProcessGroup& group, const runtime::SumTime& time);

}  // namespace gmc::tools
