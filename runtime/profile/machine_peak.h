// Measures the most that this machine can do; the profile of a training step is compared with it.
#pragma once

namespace gmc::runtime {

struct MachinePeak {
    /// F32 multiply-adds (two operations each) in registers, on all threads.
    double flops_per_s = 0;
    /// The same for bf16 numbers with f32 sums; equal to f32's where the processor has no bf16
    /// arithmetic.
    double bf16_flops_per_s = 0;
    /// Of a = b + s c over 3 x 64 MiB, on all threads; each array counts once.
    double bytes_per_s = 0;
};
/// Measures for about a third of a second and keeps the best run. Throws std::bad_alloc.
MachinePeak measure_machine_peak();

}  // namespace gmc::runtime
