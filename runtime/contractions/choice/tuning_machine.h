// Names the machine for which measurements hold. They are of no use on another.
#pragma once

#include <string>

namespace gmc::runtime {

/// The processor, its SIMD instructions, the version of oneDNN, and the revision of our candidates.
/// Not the number of threads: runs with different numbers must choose the same kernels, or else
/// their bits would differ.
std::string tuning_machine();

}  // namespace gmc::runtime
