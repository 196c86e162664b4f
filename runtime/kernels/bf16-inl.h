// Vectors of bf16: rounding, as bf16.h defines it, and products of pairs. Rounding uses integer
// arithmetic, because the processors' own instructions flush subnormal numbers to zero.

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

/// The floats that `from` holds as bf16, one for each lane of D.
template <class D>
HWY_INLINE hn::Vec<D> load_bf16(D d, const uint16_t* from) {
    const hn::RebindToUnsigned<D> du;
    const hn::Rebind<uint16_t, D> d16;
    return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(du, hn::LoadU(d16, from))));
}

/// sum + the products of the lower and of the upper bf16 of each lane; D is a tag of floats.
template <class D, class V>
HWY_INLINE V add_pair_products(D d, V a, V b, V sum) {
#if HWY_TARGET <= HWY_AVX3
    (void)d;
    // Highway 1.0 has no function for this instruction, hence the assembly. It may only run on
    // processors that have it, which ContractionContext::bf16 says.
    asm("vdpbf16ps %2, %1, %0" : "+v"(sum.raw) : "v"(a.raw), "v"(b.raw));
    return sum;
#else
    const hn::RebindToUnsigned<D> du;
    const auto upper = [&](V x) {
        return hn::BitCast(d, hn::And(hn::BitCast(du, x), hn::Set(du, 0xFFFF0000u)));
    };
    const auto lower = [&](V x) { return hn::BitCast(d, hn::ShiftLeft<16>(hn::BitCast(du, x))); };
    return hn::MulAdd(upper(a), upper(b), hn::MulAdd(lower(a), lower(b), sum));
#endif
}

}  // namespace gmc::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
