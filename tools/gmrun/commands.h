// The commands of gmrun, one file each. They take the words after the command's name and return an
// exit code.
#pragma once

#include <string>
#include <vector>

namespace gmc::tools {

using Words = std::vector<std::string>;

int bench_command(const Words& words);
int encode_command(const Words& words);
int eval_command(const Words& words);
int history_command(const Words& words);
int info_command(const Words& words);
int interpolate_command(const Words& words);
int plan_command(const Words& words);
int profile_command(const Words& words);
int reconstruct_command(const Words& words);
int sample_command(const Words& words);
int train_command(const Words& words);

}  // namespace gmc::tools
