// Subnormal numbers (below 2^-126) cost a hundred cycles each on x86 and mean nothing in training,
// so they are taken for zero.
#pragma once

namespace gmc::runtime {

/// Makes this thread treat subnormal operands and results as zero (MXCSR's DAZ and FTZ bits);
/// nothing on other processors. Threads that it creates later inherit the setting, and so do the
/// units that other threads compute for it (team.h).
void flush_denormals();

/// How this thread rounds and treats subnormal numbers (MXCSR); 0 on other processors.
unsigned float_mode();
/// Sets what float_mode() gave.
void set_float_mode(unsigned mode);

}  // namespace gmc::runtime
