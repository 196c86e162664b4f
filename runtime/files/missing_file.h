// Hints for the error that a file of data is not there.
#pragma once

#include <string>
#include <vector>

namespace gmc::runtime {

/// Says in which folder `path` was looked for (relative paths start at the working folder), which
/// name there is nearly the same, and where well-known data sets come from. Empty when something is
/// at `path`.
std::vector<std::string> where_looked(const std::string& path);

}  // namespace gmc::runtime
