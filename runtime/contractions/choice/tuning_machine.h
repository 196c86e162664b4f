// Names the machine for which measurements hold (they are of no use on another), and makes this
// process compute as a lesser one would.
#pragma once

#include <string>

namespace gmc::runtime {

/// The processor, its SIMD instructions, the version of oneDNN, and the revision of our candidates.
/// Not the number of threads: runs with different numbers must choose the same kernels, or else
/// their bits would differ.
std::string tuning_machine();

/// From now on, this process computes as on a processor with AVX2 and nothing newer: our kernels,
/// the loops that are joined into machine code, and oneDNN, which must not have been used yet.
/// False where the processor has no AVX2, or oneDNN was used before the first call.
bool restrict_to_avx2();

}  // namespace gmc::runtime
