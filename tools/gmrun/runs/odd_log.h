// What is wrong with the log of a run, as far as the run itself can tell.
#pragma once

#include <cstdint>
#include <string>

namespace gmc::tools {

/// A sentence without its end that says what metrics.jsonl of the run in `folder` lacks or has too
/// much of, where the checkpoint is of `step`; "" when nothing is wrong with it.
std::string odd_log(const std::string& folder, int64_t step);

}  // namespace gmc::tools
