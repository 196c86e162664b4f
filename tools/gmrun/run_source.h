// Finds the model and the run that a command is about.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "runtime/data/input_setting.h"
#include "runtime/train/checkpoint.h"
#include "runtime/train/generate.h"
#include "runtime/train/loaded_model.h"
#include "tools/command_line/command_line.h"

namespace gmc::tools {

/// Declares MODEL (a .gmc file, or a run's folder) and --run, without which `otherwise` is meant.
void add_run(CommandLine& line, const char* otherwise = "the newest of this model in runs/");

/// Declares --checkpoint, for commands that take trained models.
void add_checkpoint(CommandLine& line);

/// The folder of a run: MODEL itself when that is a folder, else --run, else the newest of
/// runs/NAME, runs/NAME-2, ... for the model called NAME. "" when there is none.
std::string run_folder(const CommandLine& line, const std::string& model_name);
/// The path of the .gmc: MODEL, or when that is a run's folder the copy in it.
std::string model_path(const CommandLine& line);

struct TrainedModel {
    std::unique_ptr<runtime::LoadedModel> model;
    runtime::TrainingState training;
    std::string folder;
};
/// Loads the model with the states of its run's checkpoint. Errors: no such model, no run yet.
Result<TrainedModel> load_trained(const CommandLine& line, Diagnostics& diagnostics);
/// The same for given values of MODEL, --run and --checkpoint; `run` may be "".
Result<TrainedModel> load_trained(const std::string& model, const std::string& run,
                                  Diagnostics& diagnostics,
                                  const std::string& checkpoint = runtime::kCheckpointName);

/// Declares --label, and reads it, a name or a number; no value when it was not given.
void add_label(CommandLine& line, const std::string& otherwise);
/// Errors: no class of the model has this name, and it is no number (kUnknownName).
Result<std::optional<int64_t>> label(const CommandLine& line, const runtime::LoadedModel& model,
                                     Diagnostics& diagnostics);

/// Declares --set-input, and reads it. Of a grid of values, `each` says what each of them is.
void add_settings(CommandLine& line, const std::string& each);
[[nodiscard]] bool read_settings(const CommandLine& line,
                                 std::vector<runtime::InputSetting>& settings,
                                 Diagnostics& diagnostics);

}  // namespace gmc::tools
