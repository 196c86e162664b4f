// What helps where a file of data is not there.
#pragma once

#include <string>
#include <vector>

namespace gmc::runtime {

/// The folder in which `path` was looked for, a name there that is nearly the same, where
/// well-known sets come from; the working folder counts. Empty when something is at `path`.
std::vector<std::string> where_looked(const std::string& path);

}  // namespace gmc::runtime
