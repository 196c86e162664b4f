// The commands of gmrun; each is one file, NAME_command.cpp. A command gets the words after its
// name and returns an exit code.
#pragma once

#include <string>
#include <vector>

namespace gmc::tools {

using Words = std::vector<std::string>;

int bench_command(const Words& words);
int compare_command(const Words& words);
int curves_command(const Words& words);
int encode_command(const Words& words);
int eval_command(const Words& words);
int export_command(const Words& words);
int history_command(const Words& words);
int info_command(const Words& words);
int interpolate_command(const Words& words);
int plan_command(const Words& words);
int profile_command(const Words& words);
int reconstruct_command(const Words& words);
int sample_command(const Words& words);
int score_command(const Words& words);
int replay_command(const Words& words);
int train_command(const Words& words);
int tune_command(const Words& words);
int verify_command(const Words& words);

}  // namespace gmc::tools
