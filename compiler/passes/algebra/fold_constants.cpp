// One rule per op, found by overload; ops without a rule of their own are folded only when all
// operands are constant.
#include "compiler/passes/algebra/fold_constants.h"

#include <algorithm>
#include <cfloat>
#include <cmath>

#include "compiler/passes/rewriter.h"

namespace gmc::passes {
namespace {

using namespace ir;  // NOLINT: all of this is about ir

/// The op at hand and what the rules ask about it.
struct Folding {
    Rewriter& rewriter;
    Operation& op;

    ValueId operand(size_t i) const { return op.operands[i]; }
    const double* constant(size_t i) const { return rewriter.constant(op.operands[i]); }
    bool is(size_t i, double value) const {
        return constant(i) != nullptr && *constant(i) == value;
    }
    /// The operand of the negation that computes operand i, or kNone.
    ValueId negated(size_t i) const {
        const Operation* neg = rewriter.definition_as<Neg>(op.operands[i]);
        return neg == nullptr ? kNone : neg->operands[0];
    }
    /// Whether operand i is floor(a / 0), of the remainder a - 0 floor(a / 0).
    bool is_floor_of_a_by_0(size_t i) const {
        const Operation* floor = rewriter.definition_as<Floor>(op.operands[i]);
        const Operation* quotient =
            floor == nullptr ? nullptr : rewriter.definition_as<Div>(floor->operands[0]);
        const double* divisor =
            quotient == nullptr ? nullptr : rewriter.constant(quotient->operands[1]);
        return divisor != nullptr && *divisor == 0;
    }
    /// A constant of the op's shape.
    ValueId number(double value) {
        return rewriter.builder().emit_typed(Constant{value}, {}, rewriter.type(op.result()));
    }
    ValueId become(OpVariant with, std::vector<ValueId> operands) {
        return rewriter.become(op, std::move(with), std::move(operands));
    }
    ValueId become_constant(double value) { return become(Constant{value}, {}); }
};

/// Numbers that float has with full precision, so that joining constants neither overflows nor
/// vanishes.
bool is_ordinary(double value) { return std::abs(value) >= FLT_MIN && std::abs(value) <= FLT_MAX; }

bool is_power_of_two(double value) {
    int exponent = 0;
    return is_ordinary(value) && is_ordinary(1 / value) &&
           std::abs(std::frexp(value, &exponent)) == 0.5;
}

/// x op c1 op c2 -> x op (c1 op c2), for an op whose second operand is constant, as is that of its
/// first operand.
template <typename Op, typename Join>
bool join_constants(Folding& c, Join join) {
    const Operation* inner = c.rewriter.definition_as<Op>(c.operand(0));
    if (inner == nullptr || c.constant(1) == nullptr) return false;
    const double* first = c.rewriter.constant(inner->operands[1]);
    if (first == nullptr) return false;
    const double joined = join(*first, *c.constant(1));
    if (joined != 0 && !is_ordinary(joined)) return false;
    const ValueId x = inner->operands[0];
    c.become(Op{}, {x, c.number(joined)});
    return true;
}

ValueId fold(const Add&, Folding& c) {
    if (c.is(1, 0)) return c.operand(0);
    if (join_constants<Add>(c, [](double a, double b) { return a + b; })) return kNone;
    if (c.negated(1) != kNone) return c.become(Sub{}, {c.operand(0), c.negated(1)});
    if (c.negated(0) != kNone) return c.become(Sub{}, {c.operand(1), c.negated(0)});
    return kNone;
}

ValueId fold(const Sub&, Folding& c) {
    if (c.is(1, 0)) return c.operand(0);
    if (c.is(0, 0)) return c.become(Neg{}, {c.operand(1)});
    if (c.negated(1) != kNone) return c.become(Add{}, {c.operand(0), c.negated(1)});
    return kNone;
}

ValueId fold(const Mul&, Folding& c) {
    if (c.is(1, 1)) return c.operand(0);
    if (c.is(1, 0) && c.is_floor_of_a_by_0(0)) return kNone;
    if (c.is(1, 0)) return c.become_constant(0);  // see the header for infinite and NaN
    if (c.is(1, -1)) return c.become(Neg{}, {c.operand(0)});
    if (join_constants<Mul>(c, [](double a, double b) { return a * b; })) return kNone;
    if (c.negated(0) != kNone && c.constant(1) != nullptr) {
        const ValueId x = c.negated(0);
        return c.become(Mul{}, {x, c.number(-*c.constant(1))});
    }
    if (c.negated(0) != kNone && c.negated(1) != kNone)
        return c.become(Mul{}, {c.negated(0), c.negated(1)});
    return kNone;
}

/// Division is several times slower than multiplication; only a power of two has an exact
/// reciprocal.
ValueId fold(const Div&, Folding& c) {
    if (c.is(1, 1)) return c.operand(0);
    if (c.constant(1) == nullptr || !is_power_of_two(*c.constant(1))) return kNone;
    return c.become(Mul{}, {c.operand(0), c.number(1 / *c.constant(1))});
}

ValueId fold(const Neg&, Folding& c) {
    if (c.negated(0) != kNone) return c.negated(0);
    const Operation* inner = c.rewriter.definition(c.operand(0));
    if (inner == nullptr) return kNone;
    if (inner->as<Sub>() != nullptr)
        return c.become(Sub{}, {inner->operands[1], inner->operands[0]});
    if (inner->as<Mul>() == nullptr) return kNone;
    const double* factor = c.rewriter.constant(inner->operands[1]);
    if (factor == nullptr) return kNone;
    const ValueId x = inner->operands[0];
    return c.become(Mul{}, {x, c.number(-*factor)});
}

ValueId fold(const Pow& op, Folding& c) {
    const ValueId x = c.operand(0);
    if (op.exponent == 1) return x;
    if (op.exponent == 0) return c.become_constant(1);
    if (op.exponent == 2) return c.become(Mul{}, {x, x});
    if (op.exponent == 0.5) return c.become(Sqrt{}, {x});
    if (op.exponent == -1) return c.become(Div{}, {c.number(1), x});
    return kNone;
}

ValueId fold(const Select&, Folding& c) {
    if (c.constant(0) != nullptr) return c.operand(*c.constant(0) != 0 ? 1 : 2);
    return c.operand(1) == c.operand(2) ? c.operand(1) : kNone;
}

ValueId fold(const Maximum&, Folding& c) {
    return c.operand(0) == c.operand(1) ? c.operand(0) : kNone;
}
ValueId fold(const Minimum&, Folding& c) {
    return c.operand(0) == c.operand(1) ? c.operand(0) : kNone;
}
ValueId fold(const LeakyRelu& op, Folding& c) { return op.slope == 1 ? c.operand(0) : kNone; }

// ---- constants of another shape -----------------------------------------------------------------

ValueId fold_same_number(Folding& c) {
    return c.constant(0) == nullptr ? kNone : c.become_constant(*c.constant(0));
}
ValueId fold(const Broadcast&, Folding& c) { return fold_same_number(c); }
ValueId fold(const Reshape&, Folding& c) { return fold_same_number(c); }
ValueId fold(const Transpose&, Folding& c) { return fold_same_number(c); }
ValueId fold(const Slice&, Folding& c) { return fold_same_number(c); }
ValueId fold(const ReduceMax&, Folding& c) { return fold_same_number(c); }
ValueId fold(const Pad&, Folding& c) { return c.is(0, 0) ? c.become_constant(0) : kNone; }
ValueId fold(const Concat&, Folding& c) {
    for (ValueId v : c.op.operands)
        if (c.rewriter.constant(v) == nullptr ||
            *c.rewriter.constant(v) != *c.rewriter.constant(c.operand(0)))
            return kNone;
    return fold_same_number(c);
}
ValueId fold(const ReduceSum&, Folding& c) {
    if (c.constant(0) == nullptr) return kNone;
    const auto terms = static_cast<double>(c.rewriter.type(c.operand(0)).elements() /
                                           c.rewriter.type(c.op.result()).elements());
    return c.become_constant(*c.constant(0) * terms);
}

template <typename Op>
ValueId fold(const Op&, Folding&) {
    return kNone;
}

/// An element-wise op of constants only.
bool fold_numbers(Folding& c) {
    std::vector<double> numbers;
    for (ValueId v : c.op.operands) {
        if (c.rewriter.constant(v) == nullptr) return false;
        numbers.push_back(*c.rewriter.constant(v));
    }
    const std::optional<double> value =
        numbers.empty() ? std::nullopt : scalar_value(c.op.op, numbers);
    if (value) c.become_constant(*value);
    return value.has_value();
}

/// Tries, in order: all operands constant; the constant second; the op's own rule.
ValueId fold_op(Rewriter& rewriter, Operation& op) {
    Folding context{rewriter, op};
    if (fold_numbers(context)) return kNone;
    if (op.info().has(kCommutative) && context.constant(0) != nullptr) {
        std::swap(op.operands[0], op.operands[1]);
        rewriter.mark_changed();
    }
    const OpVariant visited = op.op;  // a copy: rules change the op
    return std::visit([&](const auto& o) { return fold(o, context); }, visited);
}

}  // namespace

Result<bool> fold_constants(Module& module, Diagnostics&) { return rewrite(module, fold_op); }

}  // namespace gmc::passes
