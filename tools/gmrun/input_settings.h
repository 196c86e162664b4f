// --set-input: numbers that samples are made for, such as an angle.
#pragma once

#include <string>
#include <vector>

#include "runtime/data/input_setting.h"
#include "runtime/train/trained_model.h"
#include "tools/command_line/command_line.h"

namespace gmc::tools {

/// Declares --set-input. Of a grid of values, `each` says what each of them is.
void add_settings(CommandLine& line, const std::string& each);

/// Reads --set-input, and adds the usual settings (sampler.h) of numbers that `function` takes and
/// nobody set, which it says. Warns of values far outside of those of the training data
/// (kBadValue). Error: a text that is no setting (kBadValue).
[[nodiscard]] bool read_settings(const CommandLine& line, const runtime::TrainedModel& trained,
                                 const std::string& function,
                                 std::vector<runtime::InputSetting>& settings,
                                 Diagnostics& diagnostics);

/// Warns where `shown` samples are fewer than the values, or combinations of values, that
/// --set-input goes through (kBadValue). `settings`: from read_settings. `option`: that `shown` was
/// given by.
void warn_of_cut_grid(const CommandLine& line, std::vector<runtime::InputSetting> settings,
                      int64_t shown, const std::string& option);

}  // namespace gmc::tools
