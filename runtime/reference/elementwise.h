// Element-wise ops: one formula per op on numbers, and three loops (one, two, three operands) for
// all of them.
#pragma once

#include <cmath>

#include "runtime/reference/context.h"

namespace gmc::runtime {

// ---- one operand ----

inline double evaluate(const ir::Abs&, double x) { return std::fabs(x); }
inline double evaluate(const ir::Cos&, double x) { return std::cos(x); }
inline double evaluate(const ir::Erf&, double x) { return std::erf(x); }
inline double evaluate(const ir::Exp&, double x) { return std::exp(x); }
inline double evaluate(const ir::Floor&, double x) { return std::floor(x); }
/// With slope 0 also of -inf, where slope x would be NaN.
inline double evaluate(const ir::LeakyRelu& op, double x) {
    if (std::isnan(x) || x > 0) return x;
    return op.slope == 0 ? 0 : op.slope * x;
}
inline double evaluate(const ir::Log&, double x) { return std::log(x); }
inline double evaluate(const ir::Neg&, double x) { return -x; }
inline double evaluate(const ir::Pow& op, double x) { return std::pow(x, op.exponent); }
inline double evaluate(const ir::Sigmoid&, double x) { return 1 / (1 + std::exp(-x)); }
inline double evaluate(const ir::Sign&, double x) { return std::isnan(x) ? x : (x > 0) - (x < 0); }
inline double evaluate(const ir::Sin&, double x) { return std::sin(x); }
/// log(1 + e^x) = max(x, 0) + log(1 + e^-|x|), whose exponential cannot overflow.
inline double evaluate(const ir::Softplus&, double x) {
    return std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x)));
}
inline double evaluate(const ir::Sqrt&, double x) { return std::sqrt(x); }
inline double evaluate(const ir::StopGradient&, double x) { return x; }
inline double evaluate(const ir::Tanh&, double x) { return std::tanh(x); }

// ---- two operands ----

inline double evaluate(const ir::Add&, double a, double b) { return a + b; }
inline double evaluate(const ir::Div&, double a, double b) { return a / b; }
inline double evaluate(const ir::Equal&, double a, double b) { return a == b; }
inline double evaluate(const ir::Greater&, double a, double b) { return a > b; }
inline double evaluate(const ir::Maximum&, double a, double b) {
    return std::isnan(a) || a > b ? a : b;
}
inline double evaluate(const ir::Minimum&, double a, double b) {
    return std::isnan(a) || a < b ? a : b;
}
inline double evaluate(const ir::Mul&, double a, double b) { return a * b; }
inline double evaluate(const ir::Sub&, double a, double b) { return a - b; }

// ---- three operands ----

inline double evaluate(const ir::Select&, double condition, double a, double b) {
    return condition != 0 ? a : b;
}

// ---- the loops ----

/// What the type leaves of a number is rounded for every op alike, in run_reference_operation.
inline void reference(const ir::Cast&, ReferenceContext& c) { c.result().data = c.operand(0).data; }

template <typename Op>
requires(Op::kInfo.has(ir::kElementwise) &&
         requires(Op op) { evaluate(op, 0.0); }) void reference(const Op& op, ReferenceContext& c) {
    const auto& x = c.operand(0).data;
    auto& y = c.result().data;
    for (size_t i = 0; i < y.size(); ++i) y[i] = evaluate(op, x[i]);
}

template <typename Op>
requires(Op::kInfo.has(ir::kElementwise) && requires(Op op) {
    evaluate(op, 0.0, 0.0);
}) void reference(const Op& op, ReferenceContext& c) {
    const auto &a = c.operand(0).data, &b = c.operand(1).data;
    auto& y = c.result().data;
    for (size_t i = 0; i < y.size(); ++i) y[i] = evaluate(op, a[i], b[i]);
}

template <typename Op>
requires(Op::kInfo.has(ir::kElementwise) && requires(Op op) {
    evaluate(op, 0.0, 0.0, 0.0);
}) void reference(const Op& op, ReferenceContext& c) {
    const auto &first = c.operand(0).data, &second = c.operand(1).data, &third = c.operand(2).data;
    auto& y = c.result().data;
    for (size_t i = 0; i < y.size(); ++i) y[i] = evaluate(op, first[i], second[i], third[i]);
}

}  // namespace gmc::runtime
