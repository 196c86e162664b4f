// Names the machine for which measurements hold. They are of no use on another.
#pragma once

#include <string>

namespace gmc::runtime {

/// The processor, its SIMD instructions, the version of oneDNN, the revision of our candidates, and
/// the number of threads.
std::string tuning_machine();

}  // namespace gmc::runtime
