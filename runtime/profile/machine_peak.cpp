// Two loops, compiled once per SIMD target as the kernels are.
#include "runtime/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/profile/machine_peak.cpp"
#include <hwy/foreach_target.h>
// After foreach_target, as Highway wants it.
#include <cstdint>

#include <hwy/highway.h>

#include "runtime/profile/machine_peak.h"

HWY_BEFORE_NAMESPACE();
namespace gmc::runtime::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Multiply-adds on accumulators that do not wait for each other: enough to hide a latency of four
/// or five cycles on two units. Returns their number of floating-point operations; `out` keeps the
/// compiler from leaving them out.
int64_t MultiplyAddTarget(int64_t rounds, float* out) {
    const hn::ScalableTag<float> d;
    constexpr int kAccumulators = 12;
    hn::Vec<decltype(d)> sum[kAccumulators];
#pragma GCC unroll 16
    for (int i = 0; i < kAccumulators; ++i) sum[i] = hn::Set(d, static_cast<float>(i));
    const auto factor = hn::Set(d, 0.999f), addend = hn::Set(d, 0.001f);
    for (int64_t round = 0; round < rounds; ++round)
#pragma GCC unroll 16
        for (int i = 0; i < kAccumulators; ++i) sum[i] = hn::MulAdd(sum[i], factor, addend);
    auto total = sum[0];
#pragma GCC unroll 16
    for (int i = 1; i < kAccumulators; ++i) total = hn::Add(total, sum[i]);
    *out = hn::GetLane(total);
    return rounds * kAccumulators * 2 * static_cast<int64_t>(hn::Lanes(d));
}

/// a = b + s c; `count` is a multiple of every vector's length.
void TriadTarget(float* a, const float* b, const float* c, int64_t count) {
    const hn::ScalableTag<float> d;
    const auto s = hn::Set(d, 0.5f);
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    for (int64_t i = 0; i < count; i += lanes)
        hn::StoreU(hn::MulAdd(s, hn::LoadU(d, c + i), hn::LoadU(d, b + i)), d, a + i);
}

}  // namespace gmc::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "runtime/program/arena.h"

namespace gmc::runtime {
namespace {

HWY_EXPORT(MultiplyAddTarget);
HWY_EXPORT(TriadTarget);

// Short and many: other programs may run, and one run without them is enough.
constexpr int kArithmeticRuns = 32, kMemoryRuns = 16;

double now_s() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

double multiply_adds_per_s() {
    constexpr int64_t kRounds = 500'000;  // 2 ms
    std::vector<float> out(static_cast<size_t>(omp_get_max_threads()));
    double best = 0;
    for (int run = 0; run < kArithmeticRuns; ++run) {
        int64_t flops = 0;
        const double begin = now_s();
#pragma omp parallel reduction(+ : flops)
        flops += HWY_DYNAMIC_DISPATCH(MultiplyAddTarget)(
            kRounds, &out[static_cast<size_t>(omp_get_thread_num())]);
        best = std::max(best, static_cast<double>(flops) / (now_s() - begin));
    }
    return best;
}

double triad_bytes_per_s() {
    constexpr int64_t kBytes = int64_t{64} << 20, kCount = kBytes / int64_t{sizeof(float)};
    const MemoryBlock a(kBytes), b(kBytes), c(kBytes);
    double best = 0;
    for (int run = 0; run < kMemoryRuns; ++run) {
        const double begin = now_s();
#pragma omp parallel
        {
            // Shares of whole cache lines.
            const int64_t threads = omp_get_num_threads(), thread = omp_get_thread_num();
            const int64_t first = kCount / 64 * thread / threads * 64;
            const int64_t end = kCount / 64 * (thread + 1) / threads * 64;
            HWY_DYNAMIC_DISPATCH(TriadTarget)
            (a.floats() + first, b.floats() + first, c.floats() + first, end - first);
        }
        best = std::max(best, 3 * static_cast<double>(kBytes) / (now_s() - begin));
    }
    return best;
}

}  // namespace

MachinePeak measure_machine_peak() { return {multiply_adds_per_s(), triad_bytes_per_s()}; }

}  // namespace gmc::runtime
#endif
