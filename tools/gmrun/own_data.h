// --data NAME=PATH: data of one's own in place of those that the model names.
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

}  // namespace gmc::tools
