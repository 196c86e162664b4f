// What this machine can do at best, measured: the scale on which steps are judged.
#pragma once

namespace gmc::runtime {

struct MachinePeak {
    double flops_per_s = 0;  ///< f32 multiply-adds (two each) between registers, all threads
    /// The same of bf16 numbers with f32 sums; that of f32 where the processor lacks it.
    double bf16_flops_per_s = 0;
    double bytes_per_s = 0;  ///< a = b + s c over 3 x 64 MiB, all threads, each array counted once
};
/// Measures for about a third of a second; the best of several runs. Throws std::bad_alloc.
MachinePeak measure_machine_peak();

}  // namespace gmc::runtime
