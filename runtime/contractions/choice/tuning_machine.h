// Names the machine for which measurements hold (they are of no use on another), and makes this
// process compute as a lesser one would.
#pragma once

#include <string>

namespace gmc::runtime {

/// The processor, its SIMD instructions, the version of oneDNN, and the revision of our candidates.
/// Not the number of threads: runs with different numbers must choose the same kernels, or else
/// their bits would differ.
std::string tuning_machine();

/// The processor, as it names itself.
std::string processor_name();
/// The instructions that this process computes with, as far as numbers depend on them: "AVX2",
/// "AVX-512 with vnni, bf16". Where they are the same, so are all kernels of ours. This does not
/// count as a use of oneDNN.
std::string instruction_set();
/// What else numbers depend on: "x86-64, oneDNN 2.6.3, candidates 12".
std::string kernel_versions();

/// From now on, this process computes as on a processor with AVX2 and nothing newer: our kernels,
/// the loops that are joined into machine code, and oneDNN, which must not have been used yet.
/// False where the processor has no AVX2, or oneDNN was used before the first call.
bool restrict_to_avx2();
/// Whether the processor has AVX2.
bool has_avx2();
/// Whether this process was restricted.
bool is_restricted_to_avx2();

}  // namespace gmc::runtime
