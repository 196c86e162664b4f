// The model that a command works on: its file, and what the command line changes in it.
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/result.h"
#include "dsl/spec.h"
#include "tools/command_line/command_line.h"

namespace gmc::tools {

/// Declares the argument MODEL and --set.
void add_model(CommandLine& line, const std::string& about = "the model, a YAML file");

/// Reads the model that the command line names. Errors: also kBadFile for a compiled one.
Result<dsl::ModelSpec> read_model(const CommandLine& line, Diagnostics& diagnostics);

/// Declares --precision.
void add_precision(CommandLine& line);
/// The model as a module, built for the precision that the command line says.
Result<ir::Module> build_model(const CommandLine& line, const dsl::ModelSpec& spec,
                               Diagnostics& diagnostics);

/// Where recipes are looked for: beside the model, where gmc is installed, in the source tree.
std::vector<std::string> recipe_directories(const std::string& model);

}  // namespace gmc::tools
