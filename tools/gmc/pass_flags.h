// The flags about passes, which `gmc compile` and `gmc opt` share.
#pragma once

#include "compiler/pipeline.h"
#include "tools/command_line/command_line.h"

namespace gmc::tools {

/// Declares --passes, --skip, --stop-after, --print-after, --dump-dir, --time-passes and
/// --explain-fusion.
void add_pass_flags(CommandLine& line);

/// A line per pass: its name and what it does.
std::string pass_table();

/// What the flags say. Throws UsageError for names that are no passes.
passes::PassOptions pass_options(const CommandLine& line);

/// The passes that --passes names, or `otherwise` when it was not given; with --explain-fusion the
/// pass fuse_elementwise prints what it stores. Throws UsageError for names that are no passes.
std::vector<passes::Stage> chosen_stages(const CommandLine& line,
                                         const std::vector<passes::Stage>& otherwise);

}  // namespace gmc::tools
