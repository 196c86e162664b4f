// Measures what the machine can do at most: a loop of multiply-adds in registers, and a loop over
// memory, compiled once per SIMD target as the kernels are, and their timing.
#include "runtime/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/profile/machine_peak.cpp"
#include <hwy/foreach_target.h>
// Highway requires these after foreach_target.h.
#include <cstdint>

#include <hwy/highway.h>

#include "runtime/kernels/bf16-inl.h"
#include "runtime/profile/machine_peak.h"

HWY_BEFORE_NAMESPACE();
namespace gmc::runtime::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Multiply-adds of f32, or of pairs of bf16, on many independent sums: enough to hide a latency of
/// four or five cycles on two units. Returns the number of floating-point operations. Writing to
/// `out` keeps the compiler from dropping the loop.
template <bool kPairs>
int64_t multiply_add(int64_t rounds, float* out) {
    const hn::ScalableTag<float> d;
    constexpr int kAccumulators = 12;
    hn::Vec<decltype(d)> sum[kAccumulators];
#pragma GCC unroll 16
    for (int i = 0; i < kAccumulators; ++i) sum[i] = hn::Set(d, static_cast<float>(i));
    const auto factor = hn::Set(d, 0.999f), addend = hn::Set(d, 0.001f);
    for (int64_t round = 0; round < rounds; ++round)
#pragma GCC unroll 16
        for (int i = 0; i < kAccumulators; ++i)
            sum[i] = kPairs ? add_pair_products(d, factor, addend, sum[i])
                            : hn::MulAdd(sum[i], factor, addend);
    auto total = sum[0];
#pragma GCC unroll 16
    for (int i = 1; i < kAccumulators; ++i) total = hn::Add(total, sum[i]);
    *out = hn::GetLane(total);
    return rounds * kAccumulators * (kPairs ? 4 : 2) * static_cast<int64_t>(hn::Lanes(d));
}
int64_t MultiplyAddTarget(int64_t rounds, float* out) { return multiply_add<false>(rounds, out); }
int64_t MultiplyAddPairsTarget(int64_t rounds, float* out) {
    return multiply_add<true>(rounds, out);
}

/// a = b + s c. `count` is a multiple of the length of every vector.
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
#include <algorithm>
#include <atomic>
#include <chrono>
#include <vector>

#include "runtime/contractions/onednn/processor.h"
#include "runtime/memory/arena.h"
#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {
namespace {

HWY_EXPORT(MultiplyAddTarget);
HWY_EXPORT(MultiplyAddPairsTarget);
HWY_EXPORT(TriadTarget);

// Many short runs, because other programs may disturb some of them; one undisturbed run suffices.
constexpr int kArithmeticRuns = 32, kMemoryRuns = 16;

double now_s() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

/// Operations per second of `loop(rounds, out)` on all threads.
template <typename Loop>
double multiply_adds_per_s(Loop&& loop) {
    constexpr int64_t kRounds = 500'000;  // 2 ms
    const int threads = thread_count();
    std::vector<float> out(static_cast<size_t>(threads));
    double best = 0;
    for (int run = 0; run < kArithmeticRuns; ++run) {
        std::atomic<int64_t> flops = 0;
        const double begin = now_s();
        run_units(threads, threads, [&](int64_t unit, int) {
            flops += loop(kRounds, &out[static_cast<size_t>(unit)]);
        });
        best = std::max(best, static_cast<double>(flops) / (now_s() - begin));
    }
    return best;
}

double triad_bytes_per_s() {
    constexpr int64_t kBytes = int64_t{64} << 20, kCount = kBytes / int64_t{sizeof(float)};
    const MemoryBlock a(kBytes), b(kBytes), c(kBytes);
    // Writes the arrays first: memory that was never written is one page of zeros, which stays in
    // cache.
    std::fill_n(b.floats(), kCount, 1.0f);
    std::fill_n(c.floats(), kCount, 1.0f);
    double best = 0;
    for (int run = 0; run < kMemoryRuns; ++run) {
        const double begin = now_s();
        // Each part has whole cache lines.
        run_parts(kCount / 64, 1, thread_count(), [&](int64_t first, int64_t end, int) {
            HWY_DYNAMIC_DISPATCH(TriadTarget)
            (a.floats() + first * 64, b.floats() + first * 64, c.floats() + first * 64,
             (end - first) * 64);
        });
        best = std::max(best, 3 * static_cast<double>(kBytes) / (now_s() - begin));
    }
    return best;
}

}  // namespace

MachinePeak measure_machine_peak() {
    const auto f32 = [](int64_t rounds, float* out) {
        return HWY_DYNAMIC_DISPATCH(MultiplyAddTarget)(rounds, out);
    };
    const auto bf16 = [](int64_t rounds, float* out) {
        return HWY_DYNAMIC_DISPATCH(MultiplyAddPairsTarget)(rounds, out);
    };
    MachinePeak peak;
    peak.flops_per_s = multiply_adds_per_s(f32);
    peak.bf16_flops_per_s = processor_has_bf16() ? multiply_adds_per_s(bf16) : peak.flops_per_s;
    peak.bytes_per_s = triad_bytes_per_s();
    return peak;
}

}  // namespace gmc::runtime
#endif
