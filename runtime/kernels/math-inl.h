// Elementary functions on f32 vectors, for each SIMD target. Error bounds against the exact value
// are tested in tests/numeric/loop/loop_math.cpp: exp, log, erf, sigmoid, tanh, softplus within 3
// ulp over the whole range. NaN gives NaN; overflow gives infinity. Constants: Moshier's Cephes
// (single precision), erf: Juffa.

// clang-format off
#if defined(GMC_RUNTIME_KERNELS_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)  // guard per target, as Highway has it
#ifdef GMC_RUNTIME_KERNELS_MATH_INL_H_
#undef GMC_RUNTIME_KERNELS_MATH_INL_H_
#else
#define GMC_RUNTIME_KERNELS_MATH_INL_H_
#endif
// clang-format on

#include <cmath>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace gmc::runtime::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// c[0] + x (c[1] + x (c[2] + ...)).
template <class D, class V, size_t kCount>
HWY_INLINE V polynomial(D d, V x, const float (&c)[kCount]) {
    V sum = hn::Set(d, c[kCount - 1]);
    for (size_t i = kCount - 1; i-- > 0;) sum = hn::MulAdd(sum, x, hn::Set(d, c[i]));
    return sum;
}

/// 2^n for whole n in [-126, 127].
template <class D, class VI>
HWY_INLINE hn::Vec<D> power_of_two(D d, VI n) {
    const hn::RebindToSigned<D> di;
    return hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(n, hn::Set(di, 127))));
}

template <class D, class V>
HWY_INLINE V nan_from(D, V x, V otherwise) {
    return hn::IfThenElse(hn::IsNaN(x), x, otherwise);
}

/// x = n ln 2 + r with |r| <= ln(2) / 2; gives e^r - 1 and n. Finite x only.
template <class D, class V, class VI>
HWY_INLINE V reduced_expm1(D d, V x, VI& n) {
    const hn::RebindToSigned<D> di;
    const V whole = hn::Round(hn::Mul(x, hn::Set(d, 1.44269504088896341f)));
    n = hn::ConvertTo(di, whole);
    // ln 2 in two parts, the first with few bits, so that the product is exact without FMA too.
    V r = hn::NegMulAdd(whole, hn::Set(d, 0.693359375f), x);
    r = hn::NegMulAdd(whole, hn::Set(d, -2.12194440e-4f), r);
    static constexpr float kTail[] = {5.0000001201e-1f, 1.6666665459e-1f, 4.1665795894e-2f,
                                      8.3334519073e-3f, 1.3981999507e-3f, 1.9875691500e-4f};
    return hn::MulAdd(polynomial(d, r, kTail), hn::Mul(r, r), r);
}

/// e^x for x in [-104, 0]; below -87.3 the result is subnormal.
template <class D, class V>
HWY_INLINE V exp_bounded(D d, V x) {
    hn::Vec<hn::RebindToSigned<D>> n;
    const V p = hn::Add(reduced_expm1(d, x, n), hn::Set(d, 1.0f));
    // Two factors, because 2^n alone can leave the range of normal numbers.
    const auto half = hn::ShiftRight<1>(n);
    return hn::Mul(hn::Mul(p, power_of_two(d, half)), power_of_two(d, hn::Sub(n, half)));
}

template <class D, class V>
HWY_INLINE V exp(D d, V x) {
    // Beyond these, e^x is 0 or infinity in f32.
    const V clamped = hn::Min(hn::Max(x, hn::Set(d, -104.0f)), hn::Set(d, 89.0f));
    return nan_from(d, x, exp_bounded(d, clamped));
}

/// e^-|x|.
template <class D, class V>
HWY_INLINE V exp_of_minus_abs(D d, V x) {
    const V clamped = hn::Max(hn::Neg(hn::Abs(x)), hn::Set(d, -104.0f));
    return nan_from(d, x, exp_bounded(d, clamped));
}

/// Natural logarithm of a normal positive finite x.
template <class D, class V>
HWY_INLINE V log_normal(D d, V x, V exponent_offset) {
    const hn::RebindToSigned<D> di;
    // x = m 2^e with m in [sqrt(1/2), sqrt(2)): subtracting the bits of sqrt(1/2) makes the
    // exponent field e.
    const auto bits = hn::Sub(hn::BitCast(di, x), hn::Set(di, 0x3F3504F3));
    const V e = hn::Add(hn::ConvertTo(d, hn::ShiftRight<23>(bits)), exponent_offset);
    const V m =
        hn::BitCast(d, hn::Add(hn::And(bits, hn::Set(di, 0x007FFFFF)), hn::Set(di, 0x3F3504F3)));
    const V f = hn::Sub(m, hn::Set(d, 1.0f));
    const V z = hn::Mul(f, f);
    static constexpr float kTail[] = {3.3333331174e-1f,  -2.4999993993e-1f, 2.0000714765e-1f,
                                      -1.6668057665e-1f, 1.4249322787e-1f,  -1.2420140846e-1f,
                                      1.1676998740e-1f,  -1.1514610310e-1f, 7.0376836292e-2f};
    V y = hn::Mul(hn::Mul(polynomial(d, f, kTail), f), z);
    y = hn::MulAdd(e, hn::Set(d, -2.12194440e-4f), y);
    y = hn::NegMulAdd(hn::Set(d, 0.5f), z, y);
    return hn::MulAdd(e, hn::Set(d, 0.693359375f), hn::Add(f, y));
}

template <class D, class V>
HWY_INLINE V log(D d, V x) {
    const V smallest_normal = hn::Set(d, 1.17549435e-38f);
    const auto subnormal = hn::Lt(x, smallest_normal);
    const V scaled = hn::IfThenElse(subnormal, hn::Mul(x, hn::Set(d, 33554432.0f)), x);
    V y = log_normal(d, scaled, hn::IfThenElseZero(subnormal, hn::Set(d, -25.0f)));
    const V infinity = hn::Set(d, HUGE_VALF);
    y = hn::IfThenElse(hn::Eq(x, infinity), infinity, y);
    y = hn::IfThenElse(hn::Eq(x, hn::Zero(d)), hn::Neg(infinity), y);
    // Not (x >= 0) is true for negative numbers and for NaN.
    return hn::IfThenElse(hn::Ge(x, hn::Zero(d)), y, hn::Set(d, NAN));
}

/// log(1 + x) for x in [0, 1]: 2 artanh(s), s = x / (2 + x) <= 1/3.
template <class D, class V>
HWY_INLINE V log1p_unit(D d, V x) {
    const V s = hn::Div(x, hn::Add(x, hn::Set(d, 2.0f)));
    const V z = hn::Mul(s, s);
    static constexpr float kTail[] = {1.0f / 3,  1.0f / 5,  1.0f / 7, 1.0f / 9,
                                      1.0f / 11, 1.0f / 13, 1.0f / 15};
    const V twice = hn::Add(s, s);
    return hn::MulAdd(hn::Mul(polynomial(d, z, kTail), z), twice, twice);
}

/// max(x, 0) + log(1 + e^-|x|).
template <class D, class V>
HWY_INLINE V softplus(D d, V x) {
    return hn::Add(hn::Max(x, hn::Zero(d)), log1p_unit(d, exp_of_minus_abs(d, x)));
}

template <class D, class V>
HWY_INLINE V sigmoid(D d, V x) {
    const V one = hn::Set(d, 1.0f);
    const V e = exp_of_minus_abs(d, x);
    return hn::Div(hn::IfThenElse(hn::Lt(x, hn::Zero(d)), e, one), hn::Add(one, e));
}

/// With t = e^(-2|x|) - 1: tanh |x| = -t / (2 + t), accurate near 0 because t is.
template <class D, class V>
HWY_INLINE V tanh(D d, V x) {
    const V one = hn::Set(d, 1.0f);
    hn::Vec<hn::RebindToSigned<D>> n;
    const V bounded = hn::Min(hn::Abs(x), hn::Set(d, 10.0f));
    const V q = reduced_expm1(d, hn::Mul(bounded, hn::Set(d, -2.0f)), n);
    const V scale = power_of_two(d, n);
    const V t = hn::MulAdd(scale, q, hn::Sub(scale, one));
    const V y = hn::Div(hn::Neg(t), hn::Add(t, hn::Set(d, 2.0f)));
    return nan_from(d, x, hn::CopySign(y, x));
}

template <class D, class V>
HWY_INLINE V erf(D d, V x) {
    const V t = hn::Min(hn::Abs(x), hn::Set(d, 4.0f));  // erf 4 rounds to 1
    static constexpr float kFar[] = {-1.28717512e-1f, -6.34846687e-1f, -1.06777877e-1f,
                                     2.42546219e-2f,  -3.88396438e-3f, 3.83197126e-4f,
                                     -1.72853470e-5f};
    const V far_exponent = hn::MulSub(polynomial(d, t, kFar), t, t);
    const V far =
        hn::Sub(hn::Set(d, 1.0f), exp_bounded(d, hn::Max(far_exponent, hn::Set(d, -104.0f))));
    static constexpr float kNear[] = {1.28379166e-1f,  -3.76125336e-1f, 1.12819925e-1f,
                                      -2.67681349e-2f, 4.99119423e-3f,  -5.96761703e-4f};
    const V near = hn::MulAdd(polynomial(d, hn::Mul(t, t), kNear), t, t);
    const V y = hn::IfThenElse(hn::Gt(t, hn::Set(d, 0.927734375f)), far, near);
    return nan_from(d, x, hn::CopySign(y, x));
}

/// sin(2 pi u) and cos(2 pi u) for u in [0, 1]; the reduction is exact for multiples of 2^-24.
template <class D, class V>
HWY_INLINE void sin_cos_of_turns(D d, V u, V& sine, V& cosine) {
    const hn::RebindToSigned<D> di;
    const V quarter = hn::Round(hn::Mul(u, hn::Set(d, 4.0f)));
    const auto j = hn::ConvertTo(di, quarter);
    const V r =
        hn::Mul(hn::NegMulAdd(quarter, hn::Set(d, 0.25f), u), hn::Set(d, 6.28318530717958648f));
    const V z = hn::Mul(r, r);
    static constexpr float kSine[] = {-1.6666654611e-1f, 8.3321608736e-3f, -1.9515295891e-4f};
    static constexpr float kCosine[] = {4.166664568298827e-2f, -1.388731625493765e-3f,
                                        2.443315711809948e-5f};
    const V s = hn::MulAdd(hn::Mul(polynomial(d, z, kSine), z), r, r);
    const V c = hn::MulAdd(hn::Mul(polynomial(d, z, kCosine), z), z,
                           hn::NegMulAdd(hn::Set(d, 0.5f), z, hn::Set(d, 1.0f)));
    const auto one = hn::Set(di, 1), two = hn::Set(di, 2);
    const auto swapped = hn::RebindMask(d, hn::Eq(hn::And(j, one), one));
    const V sine_sign = hn::BitCast(d, hn::ShiftLeft<30>(hn::And(j, two)));
    const V cosine_sign = hn::BitCast(d, hn::ShiftLeft<30>(hn::And(hn::Add(j, one), two)));
    sine = hn::Xor(hn::IfThenElse(swapped, c, s), sine_sign);
    cosine = hn::Xor(hn::IfThenElse(swapped, s, c), cosine_sign);
}

}  // namespace gmc::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
