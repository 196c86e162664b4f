// The commands of gmc, one file each. They take the words after the command's name and return an
// exit code.
#pragma once

#include <string>
#include <vector>

namespace gmc::tools {

using Words = std::vector<std::string>;

int check_command(const Words& words);
int compile_command(const Words& words);
int dump_command(const Words& words);
int gradcheck_command(const Words& words);
int ops_command(const Words& words);
int opt_command(const Words& words);
int schema_command(const Words& words);
int summary_command(const Words& words);

}  // namespace gmc::tools
