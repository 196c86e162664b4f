// Vectors of f32 to bf16, the scalar definition of which is in bf16.h. In whole numbers: the instructions for it flush
// subnormal numbers to zero.

// clang-format off
#if defined(GMC_RUNTIME_KERNELS_BF16_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GMC_RUNTIME_KERNELS_BF16_INL_H_
#undef GMC_RUNTIME_KERNELS_BF16_INL_H_
#else
#define GMC_RUNTIME_KERNELS_BF16_INL_H_
#endif
// clang-format on

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace gmc::runtime::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// The bits of the nearest bf16 of each lane; D is a tag of floats.
template <class D>
HWY_INLINE hn::Vec<hn::Rebind<uint16_t, D>> nearest_bf16(D, hn::Vec<D> x) {
    const hn::RebindToUnsigned<D> du;
    const hn::RebindToSigned<D> di;
    const hn::Rebind<uint16_t, D> d16;
    const auto bits = hn::BitCast(du, x);
    const auto even = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1));
    const auto rounded = hn::Add(hn::Add(bits, hn::Set(du, 0x7FFF)), even);
    const auto quiet = hn::Or(bits, hn::Set(du, 0x400000));
    const auto kept = hn::IfThenElse(hn::RebindMask(du, hn::IsNaN(x)), quiet, rounded);
    return hn::DemoteTo(d16, hn::BitCast(di, hn::ShiftRight<16>(kept)));
}

}  // namespace gmc::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
