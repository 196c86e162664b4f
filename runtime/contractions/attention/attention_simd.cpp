// Softmax over rows and its gradient, in whole vectors: the last vector of a row has lanes behind
// its end, which count as -infinity, that is as weights of 0.
#include "runtime/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/contractions/attention/attention_simd.cpp"
#include <hwy/foreach_target.h>
// Highway requires these after foreach_target.h.
#include <algorithm>
#include <limits>

#include <hwy/highway.h>

#include "runtime/contractions/attention/attention_simd.h"
#include "runtime/kernels/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gmc::runtime::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kTileVector>;
using V = hn::Vec<D>;

/// The first `count` of the numbers at `from`, and zeros.
HWY_INLINE V load_first(const float* from, int64_t count) {
    HWY_ALIGN float lanes[kTileVector] = {};
    std::copy_n(from, count, lanes);
    return hn::Load(D(), lanes);
}

void SoftmaxRowsTarget(const SoftmaxRows& t) {
    const D d;
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    const V scale = hn::Set(d, t.scale);
    const V lowest = hn::Set(d, -std::numeric_limits<float>::infinity());
    for (int64_t r = 0; r < t.count; ++r) {
        float* row = t.rows + r * t.stride;
        const float* mask = t.mask == nullptr ? nullptr : t.mask + r * t.mask_stride;
        V largest = lowest;
        for (int64_t s = 0; s < t.columns; s += lanes) {
            const int64_t left = t.columns - s;
            V x = hn::Mul(hn::LoadU(d, row + s), scale);
            if (mask != nullptr)
                x = hn::Add(x, left < lanes ? load_first(mask + s, left) : hn::LoadU(d, mask + s));
            if (left < lanes)
                x = hn::IfThenElse(hn::FirstN(d, static_cast<size_t>(left)), x, lowest);
            largest = hn::Max(largest, x);
            hn::StoreU(x, d, row + s);
        }
        largest = hn::MaxOfLanes(d, largest);
        V sum = hn::Zero(d);
        for (int64_t s = 0; s < t.columns; s += lanes) {
            const V e = exp(d, hn::Sub(hn::LoadU(d, row + s), largest));
            sum = hn::Add(sum, e);
            hn::StoreU(e, d, row + s);
        }
        t.inverse_sums[r] = 1 / hn::GetLane(hn::SumOfLanes(d, sum));
    }
}

void SoftmaxGradientRowsTarget(const SoftmaxGradientRows& t) {
    const D d;
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    for (int64_t r = 0; r < t.count; ++r) {
        float* p = t.exponentials + r * t.stride;
        float* g = t.gradients + r * t.stride;
        const V inverse = hn::Set(d, t.inverse_sums[r]);
        V mean = hn::Zero(d);
        for (int64_t s = 0; s < t.columns; s += lanes) {
            const V weight = hn::Mul(hn::LoadU(d, p + s), inverse);
            hn::StoreU(weight, d, p + s);
            mean = hn::MulAdd(weight, hn::LoadU(d, g + s), mean);
        }
        mean = hn::SumOfLanes(d, mean);
        const V scale = hn::Set(d, t.scale);
        for (int64_t s = 0; s < t.columns; s += lanes) {
            const V weight = hn::Mul(hn::LoadU(d, p + s), scale);
            hn::StoreU(hn::Mul(weight, hn::Sub(hn::LoadU(d, g + s), mean)), d, g + s);
        }
    }
}

}  // namespace gmc::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gmc::runtime {

HWY_EXPORT(SoftmaxRowsTarget);
HWY_EXPORT(SoftmaxGradientRowsTarget);

void run_softmax_rows(const SoftmaxRows& rows) { HWY_DYNAMIC_DISPATCH(SoftmaxRowsTarget)(rows); }
void run_softmax_gradient_rows(const SoftmaxGradientRows& rows) {
    HWY_DYNAMIC_DISPATCH(SoftmaxGradientRowsTarget)(rows);
}

}  // namespace gmc::runtime
#endif
