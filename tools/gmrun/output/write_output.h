// Writes what a model makes: the ending of --output says as what.
#pragma once

#include <string>
#include <vector>

#include "tools/command_line/output_files.h"
#include "tools/gmrun/run_source.h"

namespace gmc::tools {

/// Writes `examples` to `path`. A path that ends in .npy gets float32 N x ... in the data's range;
/// .npz the same as `samples`, and the classes as `labels` where they were asked for (of several
/// fields under the name of each); .csv and .wav are written as the data were; a folder, which ends
/// in /, gets a PNG (or WAV) per example, in sub-folders by class where there are classes, and a
/// table conditions.csv of what else they were asked to be; any other gets a PNG with a grid
/// (`columns` wide, 0: as runtime::draw chooses) or scatter plot.
/// Errors: those of OutputFiles for the files of a folder, ...
[[nodiscard]] bool write_examples(runtime::LoadedModel& model, const runtime::Examples& examples,
                                  const OutputFiles& files, const std::string& path,
                                  Diagnostics& diagnostics, int64_t columns = 0);

/// Makes the folder and those that it lies in. Errors (kBadFile).
[[nodiscard]] bool make_folder(const std::string& folder, Diagnostics& diagnostics);

/// The files of a command that reads a trained model, its data, or those of --data.
OutputFiles output_files(const CommandLine& line, const TrainedModel& trained);
/// The files of a command that draws what runs wrote down: not over their data.
OutputFiles output_files(const std::vector<std::string>& runs);
/// The files and folders that a module names: its data, and the texts and weights it was made of.
std::vector<std::string> files_of(const ir::Module& module);

/// The exit code after output could not be written, with the errors reported. Where --output did
/// not say the place, it is named as the remedy.
int report_output(const CommandLine& line, Diagnostics& diagnostics);

/// Whether a file or folder that is written to `own`, a place in a run's folder, is written there.
/// Error (kBadFile): a link there leads to a folder, a device or a pipe.
[[nodiscard]] bool stays_in_run(const std::string& own, Diagnostics& diagnostics);
/// --output, links followed, or where it is not given `own`, a place in a run's folder, which may
/// come from elsewhere. Errors: those of stays_in_run() and of OutputFiles.
Result<std::string> output_or(const CommandLine& line, const OutputFiles& files,
                              const std::string& own, Diagnostics& diagnostics);
/// The same, where it is not given NAME.csv, .wav or .png in the run's folder, by what such
/// examples are written as.
Result<std::string> output_file(const CommandLine& line, const TrainedModel& trained,
                                const runtime::Examples& examples, const std::string& name,
                                Diagnostics& diagnostics);

}  // namespace gmc::tools
