// The part of `gmrun export` that writes a function as an ONNX model.
#pragma once

#include "tools/gmrun/run_source.h"

namespace gmc::tools {

/// Declares --function, --output, --noise and --external.
void add_onnx(CommandLine& line);

/// Writes --function of the model to --output. Errors: no such function (kUnknownName), a file that
/// cannot be written (kBadFile).
[[nodiscard]] bool export_onnx(const CommandLine& line, TrainedModel& trained,
                               Diagnostics& diagnostics);

}  // namespace gmc::tools
