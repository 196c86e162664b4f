// Makes the processor take subnormal numbers (below 2^-126) for zero: each costs about a hundred
// cycles on x86, and they mean nothing in training.
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
