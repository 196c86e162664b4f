// The gradient rules, one overload per op. In the comments g is df/d(result), y the result, and x,
// a, b are the operands. A rule that can use y instead of x does: y is often kept in memory for the
// next layer in any case, and then x need not be.
#include "compiler/ops/gradient.h"

#include <cmath>
#include <numbers>

#include "compiler/ops/plain_form.h"
#include "compiler/support/check.h"

namespace gmc::ops {
namespace {

using namespace ir;  // NOLINT: this file is a table about ir's ops

using Context = GradientContext;

// ---- element-wise: one operand ------------------------------------------------------------------

void rule(const Abs&, Context& c) { c.set(0, c.b.mul(c.diff(), c.b.emit(Sign{}, {c.operand(0)}))); }
/// Back to the operand's type; rounding counts as the identity.
void rule(const Cast&, Context& c) {
    c.set(0, c.b.emit_typed(Cast{}, {c.diff()}, c.b.type(c.operand(0))));
}
void rule(const Cos&, Context& c) {
    c.set(0, c.b.neg(c.b.mul(c.diff(), c.b.emit(Sin{}, {c.operand(0)}))));
}
/// d erf/dx = 2/sqrt(pi) exp(-x^2).
void rule(const Erf&, Context& c) {
    const ValueId x = c.operand(0);
    const ValueId bell = c.b.emit(Exp{}, {c.b.neg(c.b.mul(x, x))});
    c.set(0, c.b.mul(c.diff(), c.b.scale(bell, 2 / std::sqrt(std::numbers::pi))));
}
void rule(const Exp&, Context& c) { c.set(0, c.b.mul(c.diff(), c.result())); }
/// Written with the result, whose sign is the operand's as slope >= 0: so the operand need not be
/// kept.
void rule(const LeakyRelu& op, Context& c) {
    const ValueId positive = c.b.emit(Greater{}, {c.result(), c.b.constant(0, c.shape())});
    c.set(0, c.b.select(positive, c.diff(), c.b.scale(c.diff(), op.slope)));
}
void rule(const Log&, Context& c) { c.set(0, c.b.div(c.diff(), c.operand(0))); }
void rule(const Neg&, Context& c) { c.set(0, c.b.neg(c.diff())); }
/// d x^p/dx = p x^(p-1).
void rule(const Pow& op, Context& c) {
    if (op.exponent == 0)
        return;  // a constant; by the formula its gradient at 0 would be 0 times infinity
    const ValueId power = c.b.emit(Pow{op.exponent - 1}, {c.operand(0)});
    c.set(0, c.b.mul(c.diff(), c.b.scale(power, op.exponent)));
}
/// y (1 - y).
void rule(const Sigmoid&, Context& c) {
    const ValueId y = c.result();
    c.set(0, c.b.mul(c.diff(), c.b.mul(y, c.b.sub(c.b.constant(1, c.shape()), y))));
}
void rule(const Sin&, Context& c) { c.set(0, c.b.mul(c.diff(), c.b.emit(Cos{}, {c.operand(0)}))); }
void rule(const Softplus&, Context& c) {
    c.set(0, c.b.mul(c.diff(), c.b.emit(Sigmoid{}, {c.operand(0)})));
}
/// 1 / (2 y). It is infinite at 0: a model in which x may be 0 adds an epsilon before the root.
void rule(const Sqrt&, Context& c) { c.set(0, c.b.div(c.b.scale(c.diff(), 0.5), c.result())); }
/// 1 - y^2.
void rule(const Tanh&, Context& c) {
    const ValueId y = c.result();
    c.set(0, c.b.mul(c.diff(), c.b.sub(c.b.constant(1, c.shape()), c.b.mul(y, y))));
}

// ---- element-wise: several operands -------------------------------------------------------------

void rule(const Add&, Context& c) {
    c.set(0, c.diff());
    c.set(1, c.diff());
}
void rule(const Sub&, Context& c) {
    c.set(0, c.diff());
    if (c.wants(1)) c.set(1, c.b.neg(c.diff()));
}
void rule(const Mul&, Context& c) {
    if (c.wants(0)) c.set(0, c.b.mul(c.diff(), c.operand(1)));
    if (c.wants(1)) c.set(1, c.b.mul(c.diff(), c.operand(0)));
}
/// d(a/b)/db = -(a/b)/b.
void rule(const Div&, Context& c) {
    const ValueId quotient = c.b.div(c.diff(), c.operand(1));
    c.set(0, quotient);
    if (c.wants(1)) c.set(1, c.b.neg(c.b.mul(quotient, c.result())));
}

/// The gradient goes to the operand that won.
void route(Context& c, ValueId first_won) {
    const ValueId zero = c.b.constant(0, c.shape());
    if (c.wants(0)) c.set(0, c.b.select(first_won, c.diff(), zero));
    if (c.wants(1)) c.set(1, c.b.select(first_won, zero, c.diff()));
}
void rule(const Maximum&, Context& c) {
    route(c, c.b.emit(Greater{}, {c.operand(0), c.operand(1)}));
}
void rule(const Minimum&, Context& c) {
    route(c, c.b.emit(Greater{}, {c.operand(1), c.operand(0)}));
}
void rule(const Select&, Context& c) {
    const ValueId zero = c.b.constant(0, c.shape());
    if (c.wants(1)) c.set(1, c.b.select(c.operand(0), c.diff(), zero));
    if (c.wants(2)) c.set(2, c.b.select(c.operand(0), zero, c.diff()));
}

// ---- shape --------------------------------------------------------------------------------------

/// Repeating and summing are each other's adjoints.
void rule(const Broadcast& op, Context& c) {
    c.set(0, c.b.reduce_sum(c.diff(), other_axes(static_cast<int64_t>(c.shape().size()), op.dims)));
}
void rule(const ReduceSum& op, Context& c) {
    const Shape& shape = c.b.shape(c.operand(0));
    c.set(0,
          c.b.broadcast(c.diff(), other_axes(static_cast<int64_t>(shape.size()), op.axes), shape));
}
void rule(const AllGather&, Context& c) { c.set(0, c.diff()); }
void rule(const AllReduce&, Context& c) { c.set(0, c.diff()); }
/// Elements that equal the maximum share its gradient evenly.
// Some x equals the maximum, to the bit, even where fusion computes x again: passes rewrite a value
// for all its uses, loops give an element the same bits wherever it stands
// (tests/numeric/loop/loop_position.cpp), and a maximum is exact.
void rule(const ReduceMax& op, Context& c) {
    const ValueId x = c.operand(0);
    const Shape shape = c.b.shape(x);
    const std::vector<int64_t> kept = other_axes(static_cast<int64_t>(shape.size()), op.axes);
    const ValueId winners = c.b.emit(Equal{}, {x, c.b.broadcast(c.result(), kept, shape)});
    const ValueId share = c.b.div(c.diff(), c.b.reduce_sum(winners, op.axes));
    c.set(0, c.b.mul(winners, c.b.broadcast(share, kept, shape)));
}
void rule(const Reshape&, Context& c) { c.set(0, c.b.reshape(c.diff(), c.b.shape(c.operand(0)))); }
void rule(const Transpose& op, Context& c) {
    std::vector<int64_t> inverse(op.permutation.size());
    for (size_t i = 0; i < inverse.size(); ++i)
        inverse[op.permutation[i]] = static_cast<int64_t>(i);
    c.set(0, c.b.transpose(c.diff(), inverse));
}
/// The adjoint of padding takes the elements out again: a slice with a stride over the gaps.
void rule(const Pad& op, Context& c) {
    Slice slice{op.low, c.b.shape(c.operand(0)), op.interior};
    for (size_t i = 0; i < slice.limits.size(); ++i)
        slice.limits[i] = op.low[i] + (slice.limits[i] - 1) * (op.gap(i) + 1) + 1;
    for (int64_t& stride : slice.strides) ++stride;
    c.set(0, c.b.emit(slice, {c.diff()}));
}
/// The adjoint of a slice puts the elements back where they came from, with zeros everywhere else:
/// behind goes what is left of the axis after the last element taken.
void rule(const Slice& op, Context& c) {
    Pad pad{op.starts, c.b.shape(c.operand(0)), op.strides};
    for (size_t i = 0; i < pad.high.size(); ++i)
        pad.high[i] -= op.starts[i] + (c.shape()[i] - 1) * op.stride(i) + 1;
    for (int64_t& gap : pad.interior) --gap;
    c.set(0, c.b.emit(pad, {c.diff()}));
}
/// Each operand gets its own range of the gradient along the axis.
void rule(const Concat& op, Context& c) {
    int64_t position = 0;
    for (size_t i = 0; i < c.operand_count(); ++i) {
        const Shape& shape = c.b.shape(c.operand(i));
        Slice slice{Shape(shape.size(), 0), shape};
        slice.starts[op.axis] = position;
        slice.limits[op.axis] = position += shape[op.axis];
        if (c.wants(i)) c.set(i, c.b.emit(slice, {c.diff()}));
    }
}

/// Each operand gets its own elements of the gradient, in its own shape.
void rule(const Pack&, Context& c) {
    int64_t position = 0;
    for (size_t i = 0; i < c.operand_count(); ++i) {
        const Shape& shape = c.b.shape(c.operand(i));
        if (c.wants(i)) c.set(i, c.b.packed_part(c.diff(), position, shape));
        position += packed_size(c.b.type(c.operand(i)).elements());
    }
}

// ---- contractions: linear in each operand; the derivatives of one are the other two -------------

ConvWindow window_of(const ConvWindow& op) { return op; }

/// df/d(result) in the operands' element type: the result of bf16 operands may be f32.
ValueId diff_of_contraction(Context& c) {
    const DType dtype = c.b.type(c.operand(0)).dtype;
    if (c.b.type(c.diff()).dtype == dtype) return c.diff();
    return c.b.emit_typed(Cast{}, {c.diff()}, {dtype, c.shape()});
}

ValueId conv(Context& c, const ConvWindow& w, ValueId x, ValueId weights) {
    return c.b.emit(Conv{w}, {x, weights});
}
ValueId conv_backward_data(Context& c, const ConvWindow& w, ValueId diff, ValueId weights,
                           ValueId like) {
    return c.b.emit_typed(ConvBackwardData{w}, {diff, weights}, c.b.type(like));
}
ValueId conv_backward_weights(Context& c, const ConvWindow& w, ValueId x, ValueId diff,
                              ValueId like) {
    return c.b.emit_typed(ConvBackwardWeights{w}, {x, diff}, c.b.type(like));
}

void rule(const Conv& op, Context& c) {
    const ConvWindow w = window_of(op);
    const ValueId g = diff_of_contraction(c);
    if (c.wants(0)) c.set(0, conv_backward_data(c, w, g, c.operand(1), c.operand(0)));
    if (c.wants(1)) c.set(1, conv_backward_weights(c, w, c.operand(0), g, c.operand(1)));
}
/// x = backward_data(d, w): in d it is a conv; in w, x's gradient takes the place of a conv's
/// input.
void rule(const ConvBackwardData& op, Context& c) {
    const ConvWindow w = window_of(op);
    const ValueId g = diff_of_contraction(c);
    if (c.wants(0)) c.set(0, conv(c, w, g, c.operand(1)));
    if (c.wants(1)) c.set(1, conv_backward_weights(c, w, g, c.operand(0), c.operand(1)));
}
/// w = backward_weights(x, d): linear in both; w's gradient takes the place of the weights.
void rule(const ConvBackwardWeights& op, Context& c) {
    const ConvWindow w = window_of(op);
    const ValueId g = diff_of_contraction(c);
    if (c.wants(0)) c.set(0, conv_backward_data(c, w, c.operand(1), g, c.operand(0)));
    if (c.wants(1)) c.set(1, conv(c, w, c.operand(0), g));
}

/// C = A B gives dA = G B^T and dB = A^T G. Where a flag reads an operand transposed, the gradient
/// is the transpose of these: operands and flags are exchanged, and nothing is transposed in
/// memory.
void rule(const Matmul& op, Context& c) {
    const ValueId a = c.operand(0), b = c.operand(1), g = diff_of_contraction(c);
    const auto product = [&](ValueId left, bool transpose_left, ValueId right,
                             bool transpose_right) {
        return c.b.emit(Matmul{transpose_left, transpose_right}, {left, right});
    };
    if (c.wants(0))
        c.set(0, op.transpose_a ? product(b, op.transpose_b, g, true)
                                : product(g, false, b, !op.transpose_b));
    if (c.wants(1))
        c.set(1, op.transpose_b ? product(g, true, a, op.transpose_a)
                                : product(a, !op.transpose_a, g, false));
}

/// One op gives the gradients in q, k and v together. That in the mask has the size of all scores
/// on its way, and is composed.
void rule(const Attention& op, Context& c) {
    const bool masked = !op.mask_dims.empty();
    if (c.wants(0) || c.wants(1) || c.wants(2)) {
        std::vector<ValueId> operands = {c.operand(0), c.operand(1), c.operand(2), c.diff()};
        if (masked) operands.push_back(c.operand(3));
        const std::vector<Type> types = {c.b.type(operands[0]), c.b.type(operands[1]),
                                         c.b.type(operands[2])};
        const auto found =
            c.b.emit_results(AttentionGradient{AttentionForm(op)}, std::move(operands), types);
        for (size_t i = 0; i < 3; ++i) c.set(i, found[i]);
    }
    if (masked && c.wants(3)) c.set(3, emit_mask_gradient(c.b, c.operation(), c.diff()));
}
void rule(const AttentionGradient&, Context&) {
    GMC_CHECK(false, "`differentiate` puts the plain form of `attention_gradient` in its place");
}

/// Constants have no operands and so nothing to carry back.
void rule(const Constant&, Context&) {}

// No gradient flows through ops that are piecewise constant, random or supplied by the runtime, by
// definition (kNoGradient).
template <typename Op>
void rule(const Op&, Context&) requires(Op::kInfo.has(kNoGradient)) {}

void rule(const Scan&, Context&) { GMC_CHECK(false, "`differentiate` has its own way with scans"); }
void rule(const Fused&, Context&) { GMC_CHECK(false, "differentiation comes before fusion"); }
void rule(const Gradient&, Context&) { GMC_CHECK(false, "inner gradients are expanded first"); }
void rule(const std::monostate&, Context&) {}

}  // namespace

void gradient(const OpVariant& op, GradientContext& context) {
    std::visit([&](const auto& o) { rule(o, context); }, op);
}

}  // namespace gmc::ops
