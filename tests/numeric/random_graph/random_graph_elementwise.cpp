// How random graphs grow by element-wise ops and generators: which operands suit an op, and what is
// known about its result.
#include <cmath>

#include "tests/numeric/random_graph/random_graph_maker.h"

namespace gmc::tests {
namespace {

using ir::ValueId;

/// An increasing (or decreasing) function whose derivative is at most `slope` for the values of x.
template <typename Op>
bool grow_monotone(GraphMaker& g, const Op& op, ValueId x, double slope, bool exact = false) {
    const Facts f = g.facts(x);
    const double first = op(f.low), last = op(f.high);
    Facts y{std::fmin(first, last), std::fmax(first, last), 0, f.exact && exact};
    if (!y.exact) y.error = slope * f.error + 2 * y.size();
    return g.keep(g.b.emit(op, {x}), y);
}

/// sin and cos: |derivative| <= 1, with an error of some units in the last place of 1.
template <typename Op>
bool grow_wave(GraphMaker& g, const Op& op) {
    const ValueId x = g.any();
    return g.keep(g.b.emit(op, {x}), {-1, 1, g.facts(x).error + 4, false});
}

template <typename Op>
bool grow_comparison(GraphMaker& g, const Op& op) {
    const ValueId a = g.any_exact(), b = g.like_exact(g.shape(a));
    return g.keep(g.b.emit(op, {a, b}), {0, 1, 0, true});
}

/// The result is one of the operands.
bool grow_choice(GraphMaker& g, const ir::OpVariant& op, ValueId a, ValueId b,
                 std::vector<ValueId> operands) {
    const Facts f = g.facts(a), h = g.facts(b);
    return g.keep(g.b.emit(op, std::move(operands)),
                  {std::fmin(f.low, h.low), std::fmax(f.high, h.high), std::fmax(f.error, h.error),
                   f.exact && h.exact});
}

/// Bounds of a sum (or difference) of two values.
bool grow_sum(GraphMaker& g, const ir::OpVariant& op, double sign) {
    const ValueId a = g.any(), b = g.like(g.shape(a));
    const Facts f = g.facts(a), h = g.facts(b);
    const double low = f.low + (sign > 0 ? h.low : -h.high),
                 high = f.high + (sign > 0 ? h.high : -h.low);
    return g.keep(g.b.emit(op, {a, b}),
                  {low, high, f.error + h.error + f.size() + h.size(), false});
}

/// A unary op without an overload of its own: its bounds and its slope are found by trying many
/// points. It is not used when it is not defined at all of them; an op that jumps gets exact
/// numbers only.
template <typename Op>
bool grow(GraphMaker& g, const Op& op) requires(Op::kInfo.has(ir::kElementwise) &&
                                                Op::kInfo.operand_count() == 1) {
    constexpr int kPoints = 256;
    constexpr bool kJumps = Op::kInfo.has(ir::kNoGradient);
    const ValueId x = kJumps ? g.any_exact() : g.any();
    const Facts f = g.facts(x);
    const double step = (f.high - f.low) / kPoints;
    Facts y{op(f.low), op(f.low), 0, false};
    double slope = 0;
    for (int i = 0; i <= kPoints; ++i) {
        const double at = f.low + i * step, value = op(at);
        if (!std::isfinite(value)) return false;
        y.low = std::fmin(y.low, value);
        y.high = std::fmax(y.high, value);
        if (i > 0 && step > 0) slope = std::fmax(slope, std::fabs(value - op(at - step)) / step);
    }
    if (!kJumps) y.low -= slope * step, y.high += slope * step;
    y.error = kJumps ? 2 * y.size() : 2 * slope * f.error + 2 * y.size();
    return g.keep(g.b.emit(op, {x}), y);
}

bool grow(GraphMaker& g, const ir::Abs& op) {
    const ValueId x = g.any();
    const Facts f = g.facts(x);
    return g.keep(g.b.emit(op, {x}), {0, f.size(), f.error, f.exact});
}
bool grow(GraphMaker& g, const ir::Add& op) { return grow_sum(g, op, 1); }
/// To bf16 and back. Only for numbers that bf16 has exactly, since rounding turns tiny errors into
/// large ones.
bool grow(GraphMaker& g, const ir::Cast& op) {
    const ValueId x = g.any_exact();
    const ir::Shape shape = g.shape(x);
    const ValueId narrow =
        g.b.emit_typed(op, {g.b.emit(ir::Sign{}, {x})}, {ir::DType::kBf16, shape});
    return g.keep(g.b.emit_typed(op, {narrow}, ir::f32(shape)), {-1, 1, 0, true});
}
bool grow(GraphMaker& g, const ir::Cos& op) { return grow_wave(g, op); }
bool grow(GraphMaker& g, const ir::Div& op) {
    const ValueId a = g.any(), b = g.positive(g.like(g.shape(a)));
    const Facts f = g.facts(a), h = g.facts(b);
    const double size = f.size() / h.low;
    return g.keep(g.b.emit(op, {a, b}),
                  {-size, size, (f.error + size * h.error) / h.low + size, false});
}
bool grow(GraphMaker& g, const ir::Equal& op) { return grow_comparison(g, op); }
bool grow(GraphMaker& g, const ir::Exp& op) {
    const ValueId x = g.any([&](ValueId v) { return g.facts(v).high <= 2; });
    return x != ir::kNone && grow_monotone(g, op, x, std::exp(g.facts(x).high));
}
bool grow(GraphMaker& g, const ir::Floor& op) {
    return grow_monotone(g, op, g.any_exact(), 0, true);
}
bool grow(GraphMaker& g, const ir::Greater& op) { return grow_comparison(g, op); }
bool grow(GraphMaker& g, const ir::LeakyRelu&) {
    // Slopes are powers of two, so that exact values stay exact.
    return grow_monotone(g, ir::LeakyRelu{g.random.pick(std::vector<double>{0, 0.25, 0.5, 2})},
                         g.any(), 2, true);
}
bool grow(GraphMaker& g, const ir::Log& op) {
    const ValueId x = g.positive(g.any());
    return grow_monotone(g, op, x, 1 / g.facts(x).low);
}
bool grow(GraphMaker& g, const ir::Maximum& op) {
    const ValueId a = g.any(), b = g.like(g.shape(a));
    return grow_choice(g, op, a, b, {a, b});
}
bool grow(GraphMaker& g, const ir::Minimum& op) {
    const ValueId a = g.any(), b = g.like(g.shape(a));
    return grow_choice(g, op, a, b, {a, b});
}
bool grow(GraphMaker& g, const ir::Mul& op) {
    const ValueId a = g.any(), b = g.like(g.shape(a));
    const Facts f = g.facts(a), h = g.facts(b);
    const double size = f.size() * h.size();
    return g.keep(g.b.emit(op, {a, b}),
                  {-size, size, f.size() * h.error + h.size() * f.error + size, false});
}
bool grow(GraphMaker& g, const ir::Neg& op) { return grow_monotone(g, op, g.any(), 1, true); }
bool grow(GraphMaker& g, const ir::Pow&) {
    if (g.random.chance(0.5)) {
        const ir::Pow op{static_cast<double>(g.random.integer(0, 3))};
        const ValueId x = g.any();
        const double size = std::fmax(1, std::pow(g.facts(x).size(), op.exponent));
        const double slope = 3 * std::pow(std::fmax(1, g.facts(x).size()), 2);
        return g.keep(g.b.emit(op, {x}), {-size, size, slope * g.facts(x).error + 4 * size, false});
    }
    const ir::Pow op{g.random.pick(std::vector<double>{-2, -1, -0.5, 0.5, 1.5, 0.7})};
    const ValueId x = g.positive(g.any());
    const double slope =
        std::fabs(op.exponent) * std::fmax(std::pow(g.facts(x).low, op.exponent - 1),
                                           std::pow(g.facts(x).high, op.exponent - 1));
    return grow_monotone(g, op, x, slope);
}
bool grow(GraphMaker& g, const ir::Select& op) {
    const ValueId a = g.any(), b = g.like(g.shape(a));
    const ValueId condition = g.like_exact(g.shape(a));
    return grow_choice(g, op, a, b, {condition, a, b});
}
bool grow(GraphMaker& g, const ir::Sigmoid& op) { return grow_monotone(g, op, g.any(), 0.25); }
bool grow(GraphMaker& g, const ir::Sign& op) {
    return grow_monotone(g, op, g.any_exact(), 0, true);
}
bool grow(GraphMaker& g, const ir::Sin& op) { return grow_wave(g, op); }
bool grow(GraphMaker& g, const ir::Sqrt& op) {
    const ValueId x = g.positive(g.any());
    return grow_monotone(g, op, x, 0.5 / std::sqrt(g.facts(x).low));
}
bool grow(GraphMaker& g, const ir::StopGradient& op) {
    return grow_monotone(g, op, g.any(), 1, true);
}
bool grow(GraphMaker& g, const ir::Sub& op) { return grow_sum(g, op, -1); }
bool grow(GraphMaker& g, const ir::Tanh& op) { return grow_monotone(g, op, g.any(), 1); }

// ---- generators ----

bool grow(GraphMaker& g, const ir::Constant&) {
    const bool plain = g.random.chance(0.5);  // numbers that algebra knows something about
    const double value = plain ? g.random.pick(std::vector<double>{0, 1, -1, 2})
                               : static_cast<double>(g.random.integer(-16, 16)) / 8;
    return g.keep(g.b.constant(value, g.random_shape()), {value, value, 0, true});
}
bool grow(GraphMaker& g, const ir::Iota&) {
    const ir::Iota op{g.random.integer(1, 9), g.random.integer(1, 4)};
    return g.keep(g.b.emit_typed(op, {}, ir::f32(g.random_shape())),
                  {0, static_cast<double>(op.size - 1), 0, true});
}
bool grow(GraphMaker& g, const ir::RandomNormal&) {
    if (g.is_step()) return false;
    // The largest number is sqrt(-2 ln 2^-24) = 5.77.
    const ir::RandomNormal op{g.random.integer(0, 3)};
    return g.keep(g.b.emit_typed(op, {}, ir::f32(g.random_shape())), {-5.8, 5.8, 20, false});
}
bool grow(GraphMaker& g, const ir::RandomUniform&) {
    if (g.is_step()) return false;
    const ir::RandomUniform op{g.random.integer(0, 3)};
    return g.keep(g.b.emit_typed(op, {}, ir::f32(g.random_shape())), {0, 1, 0, true});
}
bool grow(GraphMaker& g, const ir::Epoch& op) {
    return g.random.chance(0.3) && g.keep(g.b.emit(op, {}), {0, 1, 0, true});
}
bool grow(GraphMaker&, const ir::Iteration&) { return false; }  // in bodies only
bool grow(GraphMaker& g, const ir::Step& op) {
    return g.random.chance(0.3) && g.keep(g.b.emit(op, {}), {0, 4, 0, true});
}

/// For ops of other kinds, which grow_shaped handles.
template <typename Op>
bool grow(GraphMaker&, const Op&) requires(!Op::kInfo.has(ir::kElementwise) &&
                                           !Op::kInfo.has(ir::kGenerator) &&
                                           !Op::kInfo.has(ir::kRuntimeScalar)) {
    return false;
}
bool grow(GraphMaker&, const std::monostate&) { return false; }

}  // namespace

bool grow_elementwise(GraphMaker& g, const ir::OpVariant& op) {
    return std::visit([&](const auto& o) { return grow(g, o); }, op);
}

}  // namespace gmc::tests
