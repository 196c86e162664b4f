// Which data a command reads: those that the model names, or with --data NAME=PATH one's own.
#pragma once

#include <string>

#include "runtime/train/loaded_model.h"
#include "tools/command_line/command_line.h"

namespace gmc::tools {

void add_own_data(CommandLine& line);

/// Makes the model read what --data names, for `function`, which is to run over it; nothing where
/// it was not given. What the path is says how it is read: a folder of pictures, .npy, .npz
/// (`a.npz:key` where it has several arrays), else idx. Errors: no such field, a field that the
/// function also takes and that is not given (kMissingKey), a folder for what is no picture.
[[nodiscard]] bool use_own_data(const CommandLine& line, runtime::LoadedModel& model,
                                const std::string& function, Diagnostics& diagnostics);

/// Whether reading `split` reads the training data that the model names.
bool reads_training_data(runtime::LoadedModel& model, runtime::DataSplit split);
/// ", of which `validate` kept a share of 0.1 out of training", where `split` reads such data; else
/// "".
std::string kept_out(runtime::LoadedModel& model, runtime::DataSplit split);
/// Says so on stderr.
void say_kept_out(runtime::LoadedModel& model, runtime::DataSplit split);

}  // namespace gmc::tools
