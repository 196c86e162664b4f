// What the commands that measure training steps (bench, plan, profile) have in common: their
// options, and loading a model whose contractions are chosen by measuring.
#pragma once

#include <memory>

#include "tools/gmrun/tuning.h"

namespace gmc::tools {

/// Declares MODEL, --steps, --json, and the options of add_tuning.
void add_measuring(CommandLine& line, int64_t steps);

/// A model and the measurements that choose its contractions. `tuning` stands first, so it is
/// destroyed last: the model refers to it.
struct MeasuredModel {
    std::unique_ptr<Tuning> tuning;
    std::unique_ptr<runtime::LoadedModel> model;
};
/// Loads MODEL and turns tuning on or off as the options say.
Result<MeasuredModel> load_measured(const CommandLine& line, Diagnostics& diagnostics,
                                    runtime::ProcessGroup* group = nullptr);

}  // namespace gmc::tools
