// What oneDNN says about this machine and about itself, for callers that must not include its
// headers.
#pragma once

#include <string>

namespace gmc::runtime {

/// True when this processor multiplies bf16 numbers and ONEDNN_MAX_CPU_ISA does not forbid it.
bool processor_has_bf16();

/// From now on, oneDNN computes with AVX2 and nothing newer. False where it was used before.
bool restrict_onednn_to_avx2();

/// The version of the oneDNN library in use, such as "2.6.3".
std::string onednn_version();

}  // namespace gmc::runtime
