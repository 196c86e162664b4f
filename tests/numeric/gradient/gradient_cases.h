// For every op, the small functions on which its gradient rule is tested. There is one overload of
// `cases` per op struct, so a new op without one does not build.
#pragma once

#include <fmt/format.h>

#include <optional>

#include "compiler/ir/attributes.h"
#include "tests/numeric/gradient/gradient_check.h"

namespace gmc::tests {

/// An op, with operands away from its kinks.
struct GradientCase {
    ir::OpVariant op;
    std::vector<Operand> operands;
    std::optional<ir::Shape> result{};  ///< for ops whose type must be said

    ir::ValueId emit(Scope& s, const std::vector<ir::ValueId>& x) const {
        return result ? s.b.emit_typed(op, x, ir::f32(*result)) : s.b.emit(op, x);
    }
};
using Cases = std::vector<GradientCase>;

template <typename Op>
Cases unary(const Op& op, Fill fill = Fill::kUniform, double low = -1.5, double high = 1.5) {
    return {{op, {{{5}, fill, low, high}}}, {op, {{{2, 3}, fill, low, high}}}};
}
template <typename Op>
Cases binary(const Op& op, Operand a = {{2, 3}}, Operand b = {{2, 3}}) {
    return {{op, {a, b}}};
}

// ---- element-wise ----

inline Cases cases(const ir::Abs& op) { return unary(op, Fill::kAwayFromZero, 0.1, 1); }
inline Cases cases(const ir::Add& op) { return binary(op); }
/// From f32 to f32, since rounding has no slope. Casts to bf16 and back are in gradient_kinks.cpp.
inline Cases cases(const ir::Cast& op) { return {{op, {{{2, 3}}}, ir::Shape{2, 3}}}; }
inline Cases cases(const ir::Cos& op) { return unary(op); }
inline Cases cases(const ir::Div& op) {
    return binary(op, {{2, 3}}, {{2, 3}, Fill::kAwayFromZero, 0.5, 2});
}
inline Cases cases(const ir::Erf& op) { return unary(op); }
inline Cases cases(const ir::Exp& op) { return unary(op); }
inline Cases cases(const ir::LeakyRelu&) {
    Cases all;
    for (double slope : {0.0, 0.3, 1.0, 2.0})
        all.push_back({ir::LeakyRelu{slope}, {{{2, 4}, Fill::kAwayFromZero, 0.1, 1}}});
    return all;
}
inline Cases cases(const ir::Log& op) { return unary(op, Fill::kUniform, 0.3, 2); }
// The two operands' numbers never coincide: those of one lie halfway between those of the other.
inline Cases cases(const ir::Maximum& op) {
    return binary(op, {{2, 4}, Fill::kDistinct, -0.3}, {{2, 4}, Fill::kDistinct, -0.35});
}
inline Cases cases(const ir::Minimum& op) {
    return binary(op, {{2, 4}, Fill::kDistinct, -0.3}, {{2, 4}, Fill::kDistinct, -0.35});
}
inline Cases cases(const ir::Mul& op) { return binary(op); }
inline Cases cases(const ir::Neg& op) { return unary(op); }
inline Cases cases(const ir::Pow&) {
    Cases all;
    for (double exponent : {2.0, 3.0, 0.5, -1.0, -0.5, 1.0, 0.0, 2.5})
        all.push_back({ir::Pow{exponent}, {{{5}, Fill::kUniform, 0.5, 1.5}}});
    for (double exponent : {2.0, 3.0, -2.0})
        all.push_back({ir::Pow{exponent}, {{{5}, Fill::kAwayFromZero, 0.5, 1.5}}});
    return all;
}
inline Cases cases(const ir::Select& op) {
    Operand condition{{3, 4}, Fill::kZeroOrOne};
    condition.differentiate = false;
    return {{op, {condition, {{3, 4}}, {{3, 4}}}}};
}
inline Cases cases(const ir::Sigmoid& op) { return unary(op); }
inline Cases cases(const ir::Sin& op) { return unary(op); }
inline Cases cases(const ir::Softplus& op) { return unary(op); }
inline Cases cases(const ir::Sqrt& op) { return unary(op, Fill::kUniform, 0.5, 2); }
inline Cases cases(const ir::Sub& op) { return binary(op); }
inline Cases cases(const ir::Tanh& op) { return unary(op); }

// ---- shape ----

inline Cases cases(const ir::Broadcast&) {
    const auto one = [](ir::Shape from, std::vector<int64_t> dims, ir::Shape to) {
        return GradientCase{ir::Broadcast{std::move(dims)}, {{std::move(from)}}, std::move(to)};
    };
    return {one({}, {}, {4}),
            one({}, {}, {2, 3}),
            one({3}, {1}, {2, 3}),
            one({2}, {0}, {2, 3}),
            one({3}, {1}, {2, 3, 2}),
            one({2, 4}, {0, 2}, {2, 3, 4}),
            one({2, 3}, {1, 2}, {2, 2, 3}),
            one({1}, {0}, {1, 3}),
            one({2, 3}, {0, 1}, {2, 3})};
}
inline Cases cases(const ir::AllGather&) {
    return {{ir::AllGather{4}, {{{4, 3}}}}, {ir::AllGather{2}, {{{2, 2, 2}}}}};
}
inline Cases cases(const ir::AllReduce&) {
    return {{ir::AllReduce{4}, {{{4, 3}}}},
            {ir::AllReduce{1}, {{{1, 2, 2}}}},
            {ir::AllReduce{2}, {{{2}}}}};
}
inline Cases cases(const ir::Concat&) {
    return {{ir::Concat{0}, {{{2}}, {{3}}}},
            {ir::Concat{1}, {{{2, 1}}, {{2, 3}}, {{2, 2}}}},
            {ir::Concat{1}, {{{2, 2, 2}}, {{2, 1, 2}}}},
            {ir::Concat{0}, {{{2, 3}}}}};
}
inline Cases cases(const ir::Pack&) {
    return {{ir::Pack{}, {{{2}}, {{3, 2}}}}, {ir::Pack{}, {{{33}}, {{}}, {{2, 16}}}}};
}
inline Cases cases(const ir::Pad&) {
    return {{ir::Pad{{1}, {2}}, {{{3}}}},
            {ir::Pad{{0, 1}, {1, 0}}, {{{2, 3}}}},
            {ir::Pad{{0, 0, 2}, {0, 1, 0}}, {{{2, 1, 2}}}},
            {ir::Pad{{1, 0}, {0, 2}, {2, 1}}, {{{2, 3}}}}};
}
inline Cases cases(const ir::Reshape& op) {
    return {{op, {{{2, 3}}}, ir::Shape{6}},
            {op, {{{4, 3}}}, ir::Shape{2, 3, 2}},
            {op, {{{1}}}, ir::Shape{}}};
}
inline Cases cases(const ir::Slice&) {
    return {{ir::Slice{{1}, {3}}, {{{4}}}},
            {ir::Slice{{0, 1}, {2, 2}}, {{{2, 3}}}},
            {ir::Slice{{1, 0, 1}, {2, 3, 2}}, {{{2, 3, 2}}}},
            {ir::Slice{{0, 1}, {5, 4}, {2, 1}}, {{{5, 4}}}},
            {ir::Slice{{1, 0}, {5, 3}, {3, 2}}, {{{6, 4}}}}};
}
inline Cases cases(const ir::Transpose&) {
    return {{ir::Transpose{{1, 0}}, {{{2, 3}}}},
            {ir::Transpose{{2, 0, 1}}, {{{2, 3, 2}}}},
            {ir::Transpose{{0, 3, 1, 2}}, {{{2, 2, 3, 1}}}}};
}

// ---- reductions ----

template <typename Op>
Cases reductions(Fill fill) {
    Cases all;
    for (const std::vector<int64_t>& axes :
         std::vector<std::vector<int64_t>>{{0}, {1}, {2}, {0, 1}, {0, 2}, {1, 2}, {0, 1, 2}, {}})
        all.push_back({Op{axes}, {{{2, 3, 2}, fill, -0.5, 1}}});
    return all;
}
inline Cases cases(const ir::ReduceMax&) { return reductions<ir::ReduceMax>(Fill::kDistinct); }
inline Cases cases(const ir::ReduceSum&) { return reductions<ir::ReduceSum>(Fill::kUniform); }

// ---- contractions ----

/// The window of a convolution, and the shapes that go with it.
struct ConvShapes {
    ir::ConvWindow window;
    ir::Shape x, w, y;
};

/// One to three spatial axes; strides that do and do not reach the end; uneven padding; groups;
/// dilation.
inline std::vector<ConvShapes> conv_shapes() {
    return {
        {{{1}, {0}, {0}, {1}, 1}, {2, 5, 2}, {3, 2, 2}, {2, 3, 2}},
        {{{1}, {1}, {1}, {1}, 1}, {1, 4, 2}, {3, 2, 3}, {1, 4, 3}},
        {{{2}, {1}, {0}, {1}, 1}, {2, 6, 1}, {3, 1, 2}, {2, 3, 2}},
        {{{2}, {0}, {0}, {1}, 1},
         {1, 6, 2},
         {3, 2, 1},
         {1, 2, 1}},  // the last element is never read
        {{{1}, {2}, {2}, {2}, 1}, {1, 5, 1}, {3, 1, 2}, {1, 5, 2}},
        {{{1, 1}, {0, 0}, {0, 0}, {1, 1}, 1}, {1, 3, 3, 2}, {1, 1, 2, 3}, {1, 3, 3, 3}},
        {{{1, 1}, {1, 1}, {1, 1}, {1, 1}, 1}, {1, 3, 4, 2}, {3, 3, 2, 2}, {1, 3, 4, 2}},
        {{{2, 2}, {1, 1}, {2, 2}, {1, 1}, 1},
         {1, 4, 4, 1},
         {5, 5, 1, 2},
         {1, 2, 2, 2}},  // "same" of TensorFlow
        {{{2, 1}, {0, 1}, {1, 0}, {1, 1}, 1}, {1, 4, 3, 2}, {2, 2, 2, 2}, {1, 2, 3, 2}},
        {{{1, 1}, {0, 0}, {0, 0}, {1, 1}, 2}, {2, 2, 3, 4}, {2, 2, 2, 4}, {2, 1, 2, 4}},
        {{{1, 2}, {1, 1}, {1, 1}, {1, 1}, 3},
         {1, 3, 3, 3},
         {3, 3, 1, 3},
         {1, 3, 2, 3}},  // depthwise
        {{{1, 1}, {1, 1}, {1, 1}, {1, 1}, 2},
         {1, 3, 2, 2},
         {3, 3, 1, 4},
         {1, 3, 2, 4}},  // depthwise, two per channel
        {{{2, 1}, {2, 1}, {1, 1}, {2, 1}, 1}, {1, 5, 3, 1}, {3, 3, 1, 2}, {1, 2, 3, 2}},
        {{{1, 2, 1}, {0, 1, 0}, {1, 0, 0}, {1, 1, 1}, 1},
         {1, 2, 3, 2, 1},
         {2, 2, 1, 1, 2},
         {1, 2, 2, 2, 2}},
    };
}
inline Cases cases(const ir::Conv&) {
    Cases all;
    for (const ConvShapes& s : conv_shapes()) all.push_back({ir::Conv{s.window}, {{s.x}, {s.w}}});
    return all;
}
inline Cases cases(const ir::ConvBackwardData&) {
    Cases all;
    for (const ConvShapes& s : conv_shapes())
        all.push_back({ir::ConvBackwardData{s.window}, {{s.y}, {s.w}}, s.x});
    return all;
}
inline Cases cases(const ir::ConvBackwardWeights&) {
    Cases all;
    for (const ConvShapes& s : conv_shapes())
        all.push_back({ir::ConvBackwardWeights{s.window}, {{s.x}, {s.y}}, s.w});
    return all;
}
inline Cases cases(const ir::Matmul&) {
    Cases all;
    for (bool transpose_a : {false, true})
        for (bool transpose_b : {false, true})
            all.push_back({ir::Matmul{transpose_a, transpose_b},
                           {{transpose_a ? ir::Shape{4, 2} : ir::Shape{2, 4}},
                            {transpose_b ? ir::Shape{3, 4} : ir::Shape{4, 3}}}});
    all.push_back({ir::Matmul{}, {{{2, 2, 3}}, {{2, 3, 2}}}});
    all.push_back({ir::Matmul{true, true}, {{{2, 1, 3, 2}}, {{2, 1, 2, 3}}}});
    return all;
}

inline Cases cases(const ir::Attention&) {
    Cases all;
    all.push_back({ir::Attention{{.scale = 0.5, .mask_dims = {}}},
                   {{{2, 3, 2, 4}}, {{2, 2, 2, 4}}, {{2, 2, 2, 3}}}});
    for (const std::vector<int64_t>& dims : {std::vector<int64_t>{2, 3}, {3}, {0, 1, 2, 3}}) {
        const ir::Shape scores = {1, 2, 2, 3};
        ir::Shape mask;
        for (int64_t axis : dims) mask.push_back(scores[static_cast<size_t>(axis)]);
        all.push_back({ir::Attention{{.scale = 0.7, .mask_dims = dims}},
                       {{{1, 2, 2, 2}}, {{1, 3, 2, 2}}, {{1, 3, 2, 2}}, {mask}}});
    }
    return all;
}

// ---- no case: nothing to differentiate, or tested elsewhere ----

/// These contribute nothing by definition; a test of their own checks that.
template <typename Op>
requires(Op::kInfo.has(ir::kNoGradient)) Cases cases(const Op&) { return {}; }
inline Cases cases(const ir::Constant&) { return {}; }
/// The second derivatives of `attention` go through it.
inline Cases cases(const ir::AttentionGradient&) { return {}; }
inline Cases cases(const ir::Scan&) { return {}; }      // tests/numeric/scan
inline Cases cases(const ir::Fused&) { return {}; }     // comes after differentiation
inline Cases cases(const ir::Gradient&) { return {}; }  // every second-order test has one
inline Cases cases(const std::monostate&) { return {}; }

/// The cases of all ops in op_kind.def.
inline Cases all_cases() {
    Cases all;
    const auto add = [&](const auto& op) {
        for (GradientCase& one : cases(op)) all.push_back(std::move(one));
    };
#define GMC_OP(Name) add(ir::Name{});
#include "compiler/ir/op_kind.def"
#undef GMC_OP
    return all;
}

/// "conv {strides=[2]} of [2,6,1] [3,1,2]"
inline std::string describe(const GradientCase& one) {
    std::string text = std::visit(
        [](const auto& op) -> std::string {
            if constexpr (std::is_same_v<std::decay_t<decltype(op)>, std::monostate>)
                return "nothing";
            else
                return std::string(op.kInfo.name) + ir::attributes_text(op);
        },
        one.op);
    text += " of";
    for (const Operand& operand : one.operands) text += " " + ir::to_string(operand.shape);
    return text;
}

}  // namespace gmc::tests
