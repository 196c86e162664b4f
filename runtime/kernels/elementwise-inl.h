// The element-wise ops on vectors: one overload of `apply` per op, and nothing else to write for a
// new one (a missing overload is a build error that names the op's struct). IEEE semantics: NaN
// propagates through every op but the comparisons, and `select` takes a NaN condition for true. An
// element of the result depends, to the bit, on its operands and not on where in a loop it stands:
// the gradient of reduce_max compares x, computed again, with its stored maximum.

// clang-format off
#if defined(GMC_RUNTIME_KERNELS_ELEMENTWISE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GMC_RUNTIME_KERNELS_ELEMENTWISE_INL_H_
#undef GMC_RUNTIME_KERNELS_ELEMENTWISE_INL_H_
#else
#define GMC_RUNTIME_KERNELS_ELEMENTWISE_INL_H_
#endif
// clang-format on

#include <cmath>

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "compiler/ir/ops.h"
#include "runtime/kernels/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gmc::runtime::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// `function` on each lane: for what is rare or has no good vector form.
template <class D, class V, class Function>
HWY_INLINE V lane_by_lane(D d, V x, const Function& function) {
    HWY_ALIGN float lanes[hn::MaxLanes(d)];
    hn::Store(x, d, lanes);
    for (size_t i = 0; i < hn::Lanes(d); ++i) lanes[i] = function(lanes[i]);
    return hn::Load(d, lanes);
}

struct ScalarSin {
    float operator()(float x) const { return std::sin(x); }
};
struct ScalarCos {
    float operator()(float x) const { return std::cos(x); }
};
struct ScalarPow {
    double exponent;
    float operator()(float x) const {
        return static_cast<float>(std::pow(static_cast<double>(x), exponent));
    }
};

/// `fast` is Highway's sine or cosine of x, whose error bound of 3 ulp holds up to |x| = 39000
/// only; beyond that, `function` computes the lane. The choice is made lane by lane, since an
/// element's value must not depend on its neighbours.
template <class D, class V, class Function>
HWY_INLINE V mend_large(D d, V x, V fast, const Function& function) {
    const auto small = hn::Le(hn::Abs(x), hn::Set(d, 39000.0f));
    if (HWY_LIKELY(hn::AllTrue(d, small))) return fast;
    return hn::IfThenElse(small, fast, lane_by_lane(d, x, function));
}

template <class D, class V>
HWY_INLINE V one_where(D d, hn::Mask<D> mask) {
    return hn::IfThenElseZero(mask, hn::Set(d, 1.0f));
}

template <class D, class V>
HWY_INLINE V apply(const ir::Abs&, D, V x) {
    return hn::Abs(x);
}
template <class D, class V>
HWY_INLINE V apply(const ir::Add&, D, V a, V b) {
    return hn::Add(a, b);
}
template <class D, class V>
HWY_INLINE V apply(const ir::Cos&, D d, V x) {
    return mend_large(d, x, hn::Cos(d, x), ScalarCos());
}
template <class D, class V>
HWY_INLINE V apply(const ir::Div&, D, V a, V b) {
    return hn::Div(a, b);
}
template <class D, class V>
HWY_INLINE V apply(const ir::Equal&, D d, V a, V b) {
    return one_where<D, V>(d, hn::Eq(a, b));
}
template <class D, class V>
HWY_INLINE V apply(const ir::Erf&, D d, V x) {
    return erf(d, x);
}
template <class D, class V>
HWY_INLINE V apply(const ir::Exp&, D d, V x) {
    return exp(d, x);
}
template <class D, class V>
HWY_INLINE V apply(const ir::Floor&, D, V x) {
    return hn::Floor(x);
}
template <class D, class V>
HWY_INLINE V apply(const ir::Greater&, D d, V a, V b) {
    return one_where<D, V>(d, hn::Gt(a, b));
}
template <class D, class V>
HWY_INLINE V apply(const ir::LeakyRelu& op, D d, V x) {
    // 0 * -inf would be NaN.
    const V falling = op.slope == 0 ? nan_from(d, x, hn::Zero(d))
                                    : hn::Mul(x, hn::Set(d, static_cast<float>(op.slope)));
    return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), x, falling);
}
template <class D, class V>
HWY_INLINE V apply(const ir::Log&, D d, V x) {
    return log(d, x);
}
template <class D, class V>
HWY_INLINE V apply(const ir::Maximum&, D d, V a, V b) {
    return nan_from(d, a, nan_from(d, b, hn::Max(a, b)));
}
template <class D, class V>
HWY_INLINE V apply(const ir::Minimum&, D d, V a, V b) {
    return nan_from(d, a, nan_from(d, b, hn::Min(a, b)));
}
template <class D, class V>
HWY_INLINE V apply(const ir::Mul&, D, V a, V b) {
    return hn::Mul(a, b);
}
template <class D, class V>
HWY_INLINE V apply(const ir::Neg&, D, V x) {
    return hn::Neg(x);
}
/// Whole exponents from -2 to 3 are products and quotients; the rest is std::pow in double, lane by
/// lane (20 ns each).
template <class D, class V>
HWY_INLINE V apply(const ir::Pow& op, D d, V x) {
    const V one = hn::Set(d, 1.0f);
    const double e = op.exponent;
    if (e == 2) return hn::Mul(x, x);
    if (e == 3) return hn::Mul(hn::Mul(x, x), x);
    if (e == 1) return x;
    if (e == 0) return one;
    const V inverse = hn::Div(one, x);
    if (e == -1) return inverse;
    if (e == -2) return hn::Mul(inverse, inverse);
    return lane_by_lane(d, x, ScalarPow{e});
}
template <class D, class V>
HWY_INLINE V apply(const ir::Select&, D d, V condition, V a, V b) {
    return hn::IfThenElse(hn::Eq(condition, hn::Zero(d)), b, a);
}
template <class D, class V>
HWY_INLINE V apply(const ir::Sigmoid&, D d, V x) {
    return sigmoid(d, x);
}
template <class D, class V>
HWY_INLINE V apply(const ir::Sign&, D d, V x) {
    const V signed_one = hn::CopySign(hn::Set(d, 1.0f), x);
    return hn::IfThenElse(hn::Gt(hn::Abs(x), hn::Zero(d)), signed_one, nan_from(d, x, hn::Zero(d)));
}
template <class D, class V>
HWY_INLINE V apply(const ir::Sin&, D d, V x) {
    return mend_large(d, x, hn::Sin(d, x), ScalarSin());
}
template <class D, class V>
HWY_INLINE V apply(const ir::Softplus&, D d, V x) {
    return softplus(d, x);
}
template <class D, class V>
HWY_INLINE V apply(const ir::Sqrt&, D, V x) {
    return hn::Sqrt(x);
}
template <class D, class V>
HWY_INLINE V apply(const ir::StopGradient&, D, V x) {
    return x;
}
template <class D, class V>
HWY_INLINE V apply(const ir::Sub&, D, V a, V b) {
    return hn::Sub(a, b);
}
template <class D, class V>
HWY_INLINE V apply(const ir::Tanh&, D d, V x) {
    return tanh(d, x);
}

}  // namespace gmc::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
