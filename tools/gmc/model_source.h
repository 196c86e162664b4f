// The model that a command works on: the file that the command line names, and the changes that it
// asks for (--set, --precision).
#pragma once

#include "compiler/ir/module.h"
#include "compiler/support/result.h"
#include "dsl/spec.h"
#include "tools/command_line/command_line.h"

namespace gmc::tools {

/// Declares the argument MODEL and --set.
void add_model(CommandLine& line, const std::string& about = "the model, a YAML file");

/// Whether a file is a compiled model, or called one, as `x.gmc`: then it may be damaged.
bool is_compiled(const std::string& path);

/// Reads the model that the command line names. Errors: those of dsl::read_model, and kBadFile for
/// a compiled model.
Result<dsl::ModelSpec> read_model(const CommandLine& line, Diagnostics& diagnostics);

/// Declares --precision.
void add_precision(CommandLine& line);
/// Declares --shards and --shard-sums.
void add_shards(CommandLine& line);
/// Builds the module of a model for the precision and the shards that the command line asks for.
/// Errors: kBadValue where the batch cannot be cut into so many shards.
Result<ir::Module> build_model(const CommandLine& line, const dsl::ModelSpec& spec,
                               Diagnostics& diagnostics);

/// The folders that may hold recipes: next to the model, where gmc is installed, and in the source
/// tree.
std::vector<std::string> recipe_directories(const std::string& model);

}  // namespace gmc::tools
