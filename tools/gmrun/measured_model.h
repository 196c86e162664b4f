// What the commands that measure training steps have in common: their options, and the model with
// contractions chosen.
#pragma once

#include <memory>

#include "tools/gmrun/tuning.h"

namespace gmc::tools {

/// Declares MODEL, --steps, --json, and the options of add_tuning.
void add_measuring(CommandLine& line, int64_t steps);

/// --steps. Throws UsageError when there are none.
int64_t measured_steps(const CommandLine& line);

struct MeasuredModel {
    std::unique_ptr<Tuning> tuning;
    std::unique_ptr<runtime::LoadedModel> model;
};
/// Loads MODEL and sets its tuning.
Result<MeasuredModel> load_measured(const CommandLine& line, Diagnostics& diagnostics);

}  // namespace gmc::tools
