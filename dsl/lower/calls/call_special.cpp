// Rounding, the logarithm of the gamma function, and the slope of that, composed of existing ops.
#include <array>
#include <cmath>
#include <numbers>

#include "dsl/lower/calls/call_functions.h"

namespace gmc::lower {
namespace {

using dsl::Expression;
using ir::Builder;
using ir::Shape;
using ir::ValueId;

/// To the nearest integer, of two the even one. floor(x + 1/2), less 1 where x + 1/2 is an odd
/// integer: then x lies between two integers, or below, and the addition rounded up. From 2^23 on
/// every f32 is an integer.
Evaluated round(Evaluator& e, const Expression& call) {
    Evaluated x = argument(e, call, 0);
    if (x.failed) return x;
    if (x.number) return x.number = std::nearbyint(*x.number), x;
    Builder& b = e.b();
    const Shape shape = b.shape(x.value);
    const ValueId moved = b.offset(x.value, 0.5), up = b.emit(ir::Floor{}, {moved});
    const ValueId half = b.scale(up, 0.5);
    const ValueId even = b.emit(ir::Equal{}, {half, b.emit(ir::Floor{}, {half})});
    const ValueId whole = b.emit(ir::Equal{}, {moved, up});
    const ValueId down = b.mul(whole, b.sub(b.constant(1, shape), even));
    constexpr double kAllIntegers = 8388608;
    const ValueId large =
        b.emit(ir::Greater{}, {b.emit(ir::Abs{}, {x.value}), b.constant(kAllIntegers - 1, shape)});
    x.value = b.emit(ir::StopGradient{}, {b.select(large, x.value, b.sub(up, down))});
    return x;
}

/// From here on Stirling's series is good for f32: the first term that is left out is below 1e-8.
constexpr double kEnough = 6;
/// How far smaller numbers are moved up, to where the series is good.
constexpr int kSteps = 6;

/// a_0 y + a_1 y^3 + a_2 y^5 with y = 1/x.
ValueId odd_series(Builder& b, ValueId x, const std::array<double, 3>& a) {
    const ValueId y = b.div(b.constant(1, b.shape(x)), x), square = b.mul(y, y);
    ValueId sum = b.constant(a[2], b.shape(x));
    sum = b.offset(b.mul(sum, square), a[1]);
    sum = b.offset(b.mul(sum, square), a[0]);
    return b.mul(sum, y);
}

/// x, or x + 6 where x is below 6; `small` is 1 there.
struct Shifted {
    ValueId small, x;
};
Shifted shifted(Builder& b, ValueId x) {
    const ValueId small = b.emit(ir::Greater{}, {b.constant(kEnough, b.shape(x)), x});
    return {small, b.add(x, b.scale(small, kSteps))};
}

/// Stirling's series at x >= 6; below by Gamma(x + 6) = x (x + 1) ... (x + 5) Gamma(x).
ValueId lgamma(Builder& b, ValueId value) {
    const Shape shape = b.shape(value);
    const Shifted s = shifted(b, value);
    const ValueId one = b.constant(1, shape);
    ValueId product = value;
    for (int i = 1; i < kSteps; ++i) product = b.mul(product, b.offset(value, i));
    const ValueId less = b.emit(ir::Log{}, {b.select(s.small, product, one)});
    const ValueId main = b.sub(b.mul(b.offset(s.x, -0.5), b.emit(ir::Log{}, {s.x})), s.x);
    const ValueId rest = odd_series(b, s.x, {1.0 / 12, -1.0 / 360, 1.0 / 1260});
    return b.sub(b.add(b.offset(main, 0.5 * std::log(2 * std::numbers::pi)), rest), less);
}

/// The slope of lgamma: log x - 1/(2x) - 1/(12 x^2) + ..., below 6 less the sum of 1 / (x + i).
ValueId digamma(Builder& b, ValueId value) {
    const Shape shape = b.shape(value);
    const Shifted s = shifted(b, value);
    const ValueId one = b.constant(1, shape), zero = b.constant(0, shape);
    ValueId less = b.div(one, value);
    for (int i = 1; i < kSteps; ++i) less = b.add(less, b.div(one, b.offset(value, i)));
    const ValueId y = b.div(one, s.x);
    const ValueId series = b.mul(y, odd_series(b, s.x, {-1.0 / 12, 1.0 / 120, -1.0 / 252}));
    const ValueId main = b.sub(b.emit(ir::Log{}, {s.x}), b.scale(y, 0.5));
    return b.sub(b.add(main, series), b.select(s.small, less, zero));
}

template <ValueId (*kFunction)(Builder&, ValueId)>
Evaluated of_tensor(Evaluator& e, const Expression& call) {
    Evaluated x = argument(e, call, 0);
    if (x.failed) return x;
    x.value = kFunction(e.b(), e.materialize(x, {}));
    x.number.reset();
    return x;
}

}  // namespace

CallFunctions special_functions() {
    return {{"digamma", of_tensor<digamma>}, {"lgamma", of_tensor<lgamma>}, {"round", round}};
}

}  // namespace gmc::lower
