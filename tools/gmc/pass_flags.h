// Flags about passes, which `gmc compile` and `gmc opt` have in common.
#pragma once

#include "compiler/pipeline.h"
#include "tools/command_line/command_line.h"

namespace gmc::tools {

/// Declares --passes, --skip, --stop-after, --print-after, --dump-dir, --time-passes and
/// --explain-fusion.
void add_pass_flags(CommandLine& line);

/// One line per pass with its name and what it does, for --help.
std::string pass_table();

/// The options of the pass manager, from the flags. Throws UsageError for unknown passes.
passes::PassOptions pass_options(const CommandLine& line);

/// The passes that --passes names, or `otherwise` when it was not given. With --explain-fusion what
/// fuse_elementwise will store is printed before it runs. Throws UsageError for unknown passes.
std::vector<passes::Stage> chosen_stages(const CommandLine& line,
                                         const std::vector<passes::Stage>& otherwise);

}  // namespace gmc::tools
