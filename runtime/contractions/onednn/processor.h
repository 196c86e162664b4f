// What oneDNN knows of this machine and of itself, without its headers.
#pragma once

#include <string>

namespace gmc::runtime {

/// Whether this processor multiplies bf16 numbers (and ONEDNN_MAX_CPU_ISA does not forbid it).
bool processor_has_bf16();

/// The version of the oneDNN library in use: "2.6.3".
std::string onednn_version();

}  // namespace gmc::runtime
