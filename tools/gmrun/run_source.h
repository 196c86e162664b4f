// Finds the model and the run that a command is about.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/data/input_setting.h"
#include "runtime/train/generate.h"
#include "runtime/train/trained_model.h"
#include "tools/command_line/command_line.h"

namespace gmc::tools {

/// Declares MODEL (a .gmc file, or a run's folder) and --run, without which `otherwise` is meant.
void add_run(CommandLine& line, const char* otherwise = "the newest of this model in runs/");

/// Why a run has no checkpoint, as far as its folder tells.
std::string why_no_checkpoint(const std::string& folder);

/// Declares --checkpoint, for commands that take trained models.
void add_checkpoint(CommandLine& line);

/// Which run is meant where only the model is given: the first of RunFolder::all(), or the first of
/// them that has a checkpoint (where none has, the first).
enum class Needs { kNothing, kCheckpoint };

/// The folder of a run: --run, else MODEL itself when that is a folder, else that of the model's
/// runs in runs/; says which ones before it have no checkpoint. "" when there is none.
std::string run_folder(const CommandLine& line, const ir::Module& module, Needs needs);
/// The same for an argument RUN: a folder, or a .gmc file; says where the run that is found for it
/// was trained with other settings. Errors (kBadFile): the file cannot be read, or its model has no
/// run.
Result<std::string> run_folder(const std::string& run, Needs needs, Diagnostics& diagnostics);
/// The same for arguments RUN that are looked at beside each other. Error (kBadValue): two of them
/// are one run.
Result<std::vector<std::string>> run_folders(const std::vector<std::string>& runs,
                                             Diagnostics& diagnostics);
/// The run that --resume goes on with: --run, else MODEL itself when that is a folder, else that of
/// the model's runs in runs/ which was trained last with its settings; "" when the model has no
/// run. Errors (kBadValue): its runs were trained with other settings.
Result<std::string> run_to_resume(const CommandLine& line, const runtime::LoadedModel& model,
                                  Diagnostics& diagnostics);
/// Says in a line which run goes on, where neither --run nor MODEL names one of several.
void say_which_of_several(const CommandLine& line, const runtime::LoadedModel& model);
/// The model of a .gmc file, or of the copy in a run's folder. Errors (kBadFile): there is none,
/// which suggests the nearest; the file cannot be read.
Result<std::unique_ptr<runtime::LoadedModel>> load_model(
    const std::string& text, Diagnostics& diagnostics,
    runtime::LoadedModel::Purpose purpose = runtime::LoadedModel::Purpose::kUse,
    runtime::Sharing sharing = {});
/// The same for the argument MODEL.
Result<std::unique_ptr<runtime::LoadedModel>> load_model(
    const CommandLine& line, Diagnostics& diagnostics,
    runtime::LoadedModel::Purpose purpose = runtime::LoadedModel::Purpose::kUse,
    runtime::Sharing sharing = {});

/// In what the module that the run keeps differs from that of the file `path`: "--set nothing, here
/// `batch=7`"; "" where that is not known. A module of equal bytes is not looked into. `here`: the
/// word for it.
std::string how_they_differ(const ir::Module& module, const std::string& path,
                            const std::string& folder, const char* here = "here");
/// Says in a line in which settings the run and the model differ: learning rates, batches, or what
/// makes them two models.
void say_other_settings(const ir::Module& module, const std::string& path,
                        const std::string& folder);

/// Says in a line that the run in `folder` is of another model than this one, or was trained with
/// other settings, and that `checkpoint` was not written by that run.
void say_of_another(const runtime::LoadedModel& model, const std::string& folder,
                    const std::string& checkpoint);

using runtime::TrainedModel;
/// Loads the model with the states of its run's checkpoint, to be computed as the command line says
/// (add_computing). Errors: no such model, no run yet.
Result<TrainedModel> load_trained(const CommandLine& line, Diagnostics& diagnostics);
/// The same for given values of MODEL, --run and --checkpoint; `run` may be "".
Result<TrainedModel> load_trained(const std::string& model, const std::string& run,
                                  Diagnostics& diagnostics,
                                  const std::string& checkpoint = runtime::kCheckpointName);

/// Declares --label, and reads it, a name or, unless names are numbers, a number; no value when it
/// was not given.
void add_label(CommandLine& line, const std::string& otherwise);
/// Of a function that takes several labels beside `settings`, "FIELD=CLASS" becomes one more of
/// these. Errors: no class has this name, and it is no number (kUnknownName); of several labels
/// none is named, or one twice (kBadValue).
Result<std::optional<int64_t>> label(const CommandLine& line, const runtime::LoadedModel& model,
                                     const std::string& function,
                                     std::vector<runtime::InputSetting>& settings,
                                     Diagnostics& diagnostics);
/// Says which results of a function are not written, where only the first one is.
void say_left_results(const runtime::LoadedModel& model, const std::string& function);

}  // namespace gmc::tools
