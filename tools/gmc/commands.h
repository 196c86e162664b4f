// The commands of gmc; each is one file, NAME_command.cpp. A command gets the words after its name
// and returns an exit code.
#pragma once

#include <string>
#include <vector>

namespace gmc::tools {

using Words = std::vector<std::string>;

int check_command(const Words& words);
int compile_command(const Words& words);
int dump_command(const Words& words);
int gradcheck_command(const Words& words);
int layers_command(const Words& words);
int ops_command(const Words& words);
int opt_command(const Words& words);
int schema_command(const Words& words);
int summary_command(const Words& words);

}  // namespace gmc::tools
