// The machine that measured candidates are good for.
#pragma once

#include <string>

namespace gmc::runtime {

/// This processor, its SIMD instructions, oneDNN's version, the revision of our candidates, and the
/// number of threads.
std::string tuning_machine();

}  // namespace gmc::runtime
