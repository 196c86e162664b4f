// The operand of a reduce_sum is written as a sum of terms, each a product of factors that do not
// vary along the axes and of at most one value that does. The terms are then summed one by one,
// where that gains something:
//     sum(a x + b)  ->  terms {varying x, factors {a}}, {factors {b}}  ->  a sum(x) + n b
#include "compiler/passes/algebra/factor_sums.h"

#include <algorithm>
#include <set>

#include "compiler/passes/rewriter.h"

namespace gmc::passes {
namespace {

using namespace ir;  // NOLINT: all of this is about ir

/// A sum of more terms than this is left alone. The gradient of a normalisation has few terms;
/// without a bound the number of terms could double with each level of sums.
constexpr size_t kMostTerms = 8;
/// How many ops a split looks back at most: bounds the recursion.
constexpr int kDeepest = 16;

/// The sums that a function computes: (operand, axes).
using Sums = std::set<std::pair<ValueId, std::vector<int64_t>>>;

/// A value that does not vary along the axes, and whether the term is divided by it.
struct Factor {
    ValueId value = kNone;
    bool divides = false;
};

struct Term {
    ValueId varying = kNone;  ///< kNone: the term is the product of its factors
    std::vector<Factor> factors;
    bool negative = false;
};

/// Factors one reduce_sum.
class SumFactorer {
  public:
    SumFactorer(Rewriter& rewriter, Operation& op, const Sums& sums)
        : rewriter_(rewriter), op_(op), sums_(sums), axes_(op.as<ReduceSum>()->axes) {}

    void run() {
        const std::vector<Term> terms = split(op_.operands[0], kDeepest);
        if (terms.empty() || !is_worth_it(terms)) return;
        emit(terms);
    }

  private:
    /// Whether a value is constant along the axes summed over: a constant, or a broadcast along
    /// them.
    bool is_invariant(ValueId value) const {
        if (rewriter_.constant(value) != nullptr) return true;
        const Operation* op = rewriter_.definition_as<Broadcast>(value);
        if (op == nullptr) return false;
        const std::vector<int64_t>& dims = op->as<Broadcast>()->dims;
        return std::none_of(dims.begin(), dims.end(), [&](int64_t axis) {
            return std::binary_search(axes_.begin(), axes_.end(), axis);
        });
    }

    /// The terms that a value is the sum of; none when there are more than kMostTerms.
    std::vector<Term> split(ValueId value, int depth) const {
        if (is_invariant(value)) return {{kNone, {{value, false}}, false}};
        const Operation* op = depth > 0 ? rewriter_.definition(value) : nullptr;
        if (op != nullptr && op->as<Neg>() != nullptr)
            return negated(split(op->operands[0], depth - 1));
        if (op != nullptr && op->as<Add>() != nullptr) return joined(*op, false, depth);
        if (op != nullptr && op->as<Sub>() != nullptr) return joined(*op, true, depth);
        if (op != nullptr && op->as<Mul>() != nullptr)
            for (int i = 0; i < 2; ++i)
                if (is_invariant(op->operands[i]))
                    return scaled(split(op->operands[1 - i], depth - 1), {op->operands[i], false});
        if (op != nullptr && op->as<Div>() != nullptr && is_invariant(op->operands[1]))
            return scaled(split(op->operands[0], depth - 1), {op->operands[1], true});
        return {{value, {}, false}};
    }

    static std::vector<Term> negated(std::vector<Term> terms) {
        for (Term& t : terms) t.negative = !t.negative;
        return terms;
    }
    /// The terms of a sum or a difference. When its first operand has too many, the second one is
    /// not looked at.
    std::vector<Term> joined(const Operation& op, bool difference, int depth) const {
        std::vector<Term> a = split(op.operands[0], depth - 1);
        if (a.empty()) return {};
        std::vector<Term> b = split(op.operands[1], depth - 1);
        if (b.empty() || a.size() + b.size() > kMostTerms) return {};
        if (difference) b = negated(std::move(b));
        a.insert(a.end(), b.begin(), b.end());
        return a;
    }
    static std::vector<Term> scaled(std::vector<Term> terms, Factor factor) {
        for (Term& t : terms) t.factors.push_back(factor);
        return terms;
    }

    /// Whether summing the terms apart saves a pass over memory: either the operand is one scaled
    /// value, or all sums of varying values are computed elsewhere in the function anyway.
    bool is_worth_it(const std::vector<Term>& terms) const {
        const bool unchanged =
            terms.size() == 1 && terms[0].varying != kNone && terms[0].factors.empty();
        const auto varying = std::count_if(terms.begin(), terms.end(),
                                           [](const Term& t) { return t.varying != kNone; });
        const bool known = std::all_of(terms.begin(), terms.end(), [&](const Term& t) {
            return t.varying == kNone || sums_.count({t.varying, axes_}) != 0;
        });
        // A sum of x - c is left alone, unless the sum of x is computed anyway: x - c may be small
        // where x and c are large, and the difference of two large sums would lose its digits.
        return !unchanged && (known || (varying == 1 && terms.size() == 1));
    }

    /// An invariant value without the axes summed over.
    ValueId projected(ValueId value) {
        Builder& b = rewriter_.builder();
        const Shape shape = rewriter_.shape(op_.result());
        if (const double* number = rewriter_.constant(value)) return b.constant(*number, shape);
        const Operation& op = *rewriter_.definition(value);
        const ValueId source = op.operands[0];
        std::vector<int64_t> dims;
        for (int64_t axis : op.as<Broadcast>()->dims)
            dims.push_back(axis - std::count_if(axes_.begin(), axes_.end(),
                                                [&](int64_t a) { return a < axis; }));
        return b.broadcast(source, dims, shape);
    }

    ValueId emit(const Term& term) {
        Builder& b = rewriter_.builder();
        // Where the same sum is computed elsewhere, cse makes them one.
        ValueId out = term.varying == kNone ? count() : b.reduce_sum(term.varying, axes_);
        for (const Factor& f : term.factors) {
            const ValueId factor = projected(f.value);
            out = f.divides ? b.div(out, factor) : b.mul(out, factor);
        }
        return out;
    }

    /// How many elements go into each sum.
    ValueId count() {
        const int64_t terms =
            rewriter_.type(op_.operands[0]).elements() / rewriter_.type(op_.result()).elements();
        return rewriter_.builder().constant(static_cast<double>(terms),
                                            rewriter_.shape(op_.result()));
    }

    void emit(const std::vector<Term>& terms) {
        ValueId sum = kNone;
        for (const Term& t : terms) {
            const ValueId value = emit(t);
            if (sum == kNone)
                sum = t.negative ? rewriter_.builder().neg(value) : value;
            else
                sum = t.negative ? rewriter_.builder().sub(sum, value)
                                 : rewriter_.builder().add(sum, value);
        }
        replacement_ = sum;
    }

  public:
    /// What takes the place of the sum, or kNone.
    ValueId replacement() const { return replacement_; }

  private:
    Rewriter& rewriter_;
    Operation& op_;
    const Sums& sums_;
    std::vector<int64_t> axes_;  ///< summed over; a copy, as emitting moves ops
    ValueId replacement_ = kNone;
};

/// The sums of a function as it is before the pass.
Sums sums_of(const Function& function) {
    Sums sums;
    for (const Operation& op : function.operations)
        if (op.as<ReduceSum>() != nullptr) sums.insert({op.operands[0], op.as<ReduceSum>()->axes});
    return sums;
}

}  // namespace

Result<bool> factor_sums(Module& module, Diagnostics&) {
    bool changed = false;
    for (Function& function : module.functions) {
        const Sums sums = sums_of(function);
        changed |= Rewriter(module, function).run([&](Rewriter& rewriter, Operation& op) {
            if (op.as<ReduceSum>() == nullptr) return kNone;
            SumFactorer factorer(rewriter, op, sums);
            factorer.run();
            return factorer.replacement();
        });
    }
    return changed;
}

}  // namespace gmc::passes
