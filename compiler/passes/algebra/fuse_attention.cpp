// A matcher walks from the product with v back to that of q and k. Each step looks through one op,
// which nothing else may read.
#include "compiler/passes/algebra/fuse_attention.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "compiler/passes/rewriter.h"

namespace gmc::passes {
namespace {

using namespace ir;  // NOLINT

/// A matrix operand [..., rows, columns] as some value and how its axes are permuted.
struct Matrix {
    ValueId value = kNone;
    std::vector<int64_t> permutation;
    /// Its value transposed so would lie as [N, length, H, depth].
    bool has_heads_inside() const { return permutation == std::vector<int64_t>{0, 2, 1, 3}; }
};

class AttentionMatcher {
  public:
    AttentionMatcher(Rewriter& rewriter, const std::vector<int>& readers)
        : r_(rewriter), readers_(readers) {}

    /// What stands for the result of `product`, a matmul; kNone where it is no attention.
    ValueId fused(const Operation& product) {
        const auto* matmul = product.as<Matmul>();
        if (matmul == nullptr || matmul->transpose_a || r_.type(product.result()).rank() < 3 ||
            r_.type(product.result()).dtype != DType::kF32)
            return kNone;
        values_ = matrix(product.operands[1], matmul->transpose_b);
        if (!match_softmax(product.operands[0]) || !match_scores()) return kNone;
        return emit(r_.type(product.result()).shape);
    }

  private:
    /// The op that computes `v` when it is an `Op` and nothing but `readers` uses read it.
    template <typename Op>
    const Operation* inner(ValueId v, int readers = 1) const {
        if (static_cast<size_t>(v) >= readers_.size() || readers_[v] != readers) return nullptr;
        return r_.definition_as<Op>(v);
    }

    /// `v` repeated along the last axis of the scores: the value per row.
    ValueId per_row(ValueId v) const {
        const Operation* op = inner<Broadcast>(v);
        const auto rank = static_cast<int64_t>(r_.shape(v).size());
        return op != nullptr && op->as<Broadcast>()->dims == all_axes(rank - 1) ? op->operands[0]
                                                                                : kNone;
    }

    /// p = e / sum(e), e = exp(scores - max(scores)). Sets scores_.
    bool match_softmax(ValueId p) {
        const Operation* quotient = inner<Div>(p);
        if (quotient == nullptr) return false;
        const ValueId e = quotient->operands[0], sum = per_row(quotient->operands[1]);
        const Operation* total = sum == kNone ? nullptr : inner<ReduceSum>(sum);
        if (total == nullptr || total->operands[0] != e || !reduces_last(*total)) return false;
        const Operation* exponential = inner<Exp>(e, 2);
        const Operation* shifted =
            exponential == nullptr ? nullptr : inner<Sub>(exponential->operands[0]);
        if (shifted == nullptr) return false;
        scores_ = shifted->operands[0];
        const ValueId row = per_row(shifted->operands[1]);
        const Operation* stop = row == kNone ? nullptr : inner<StopGradient>(row);
        const Operation* largest = stop == nullptr ? nullptr : inner<ReduceMax>(stop->operands[0]);
        return largest != nullptr && largest->operands[0] == scores_ && reduces_last(*largest) &&
               readers_[scores_] == 2;
    }
    bool reduces_last(const Operation& op) const {
        const std::vector<int64_t> last = {r_.type(op.operands[0]).rank() - 1};
        return op.as<ReduceSum>() != nullptr ? op.as<ReduceSum>()->axes == last
                                             : op.as<ReduceMax>()->axes == last;
    }

    /// scores = [factor] q k^T [/ divisor] [+ mask].
    bool match_scores() {
        mask_ = kNone;
        scale_ = 1;
        ValueId v = scores_;
        int readers = 2;  // the largest and the difference
        if (const Operation* sum = inner<Add>(v, readers)) {
            const size_t product = is_scaled_product(sum->operands[0]) ? 0 : 1;
            if (!number(sum->operands[1 - product]) && !match_mask(sum->operands[1 - product]))
                return false;
            v = sum->operands[product];
            readers = 1;
        }
        for (;; readers = 1) {
            const Operation* scaled = inner<Mul>(v, readers);
            if (scaled == nullptr) scaled = inner<Div>(v, readers);
            if (scaled == nullptr) break;
            const bool divides = scaled->as<Div>() != nullptr;
            const size_t factor = !divides && number(scaled->operands[0]) ? 0 : 1;
            const std::optional<double> known = number(scaled->operands[factor]);
            if (!known || *known == 0) return false;
            scale_ *= divides ? 1 / *known : *known;
            v = scaled->operands[1 - factor];
        }
        const Operation* product = inner<Matmul>(v, readers);
        if (product == nullptr || !std::isfinite(scale_)) return false;
        const auto* matmul = product->as<Matmul>();
        queries_ = matrix(product->operands[0], matmul->transpose_a);
        keys_ = matrix(product->operands[1], !matmul->transpose_b);
        return true;
    }
    bool is_scaled_product(ValueId v) const {
        return inner<Mul>(v) != nullptr || inner<Div>(v) != nullptr || inner<Matmul>(v) != nullptr;
    }

    /// A mask varies along the last axis; along others it may be broadcast.
    bool match_mask(ValueId v) {
        const auto rank = r_.type(v).rank();
        const Operation* op = inner<Broadcast>(v);
        mask_ = op == nullptr ? v : op->operands[0];
        mask_dims_ = op == nullptr ? all_axes(rank) : op->as<Broadcast>()->dims;
        return !mask_dims_.empty() && mask_dims_.back() == rank - 1;
    }

    /// The number of which every element of `v` consists: also sums, roots and the like of numbers,
    /// which nothing has computed yet.
    std::optional<double> number(ValueId v) const {
        if (const double* known = r_.constant(v)) return *known;
        const Operation* op = r_.definition(v);
        if (op == nullptr || op->operands.empty()) return std::nullopt;
        const bool repeats = op->info().has(kRepeats) || op->as<Reshape>() != nullptr;
        if (!repeats && !op->info().has(kElementwise)) return std::nullopt;
        std::vector<double> operands;
        for (ValueId operand : op->operands) {
            const std::optional<double> each = number(operand);
            if (!each) return std::nullopt;
            operands.push_back(*each);
        }
        return repeats ? operands[0] : scalar_value(op->op, operands);
    }

    /// Looks through transposes that nothing else reads.
    Matrix matrix(ValueId v, bool transposed) const {
        Matrix m{v, all_axes(r_.type(v).rank())};
        while (const Operation* op = inner<Transpose>(m.value)) {
            const auto& before = op->as<Transpose>()->permutation;
            for (int64_t& axis : m.permutation) axis = before[static_cast<size_t>(axis)];
            m.value = op->operands[0];
        }
        if (transposed) std::swap(m.permutation.back(), *(m.permutation.end() - 2));
        return m;
    }

    ValueId emit(Shape shape) {  // a copy: new values move the types
        const bool inside = shape.size() == 4 && queries_.has_heads_inside() &&
                            keys_.has_heads_inside() && values_.has_heads_inside();
        Builder& b = r_.builder();
        if (mask_ != kNone && !inside && !merge_mask_axes(b, shape)) return kNone;
        std::vector<ValueId> operands;
        for (const Matrix& m : {queries_, keys_, values_})
            operands.push_back(inside ? m.value : one_head(b, m));
        if (mask_ != kNone) operands.push_back(mask_);
        Attention op;
        op.scale = scale_;
        if (mask_ != kNone) op.mask_dims = mask_dims_;
        const ValueId y = b.emit(op, operands);
        return inside ? b.transpose(y, {0, 2, 1, 3}) : b.reshape(y, shape);
    }

    /// [..., length, depth] as [examples, length, 1, depth].
    static ValueId one_head(Builder& b, const Matrix& m) {
        const bool plain = m.permutation == all_axes(b.type(m.value).rank());
        const ValueId x = plain ? m.value : b.transpose(m.value, m.permutation);
        const Shape& shape = b.shape(x);
        const int64_t length = shape[shape.size() - 2], depth = shape.back();
        return b.reshape(x, {elements_before(shape, 2), length, 1, depth});
    }
    static int64_t elements_before(const Shape& shape, size_t last) {
        return std::accumulate(shape.begin(), shape.end() - static_cast<std::ptrdiff_t>(last),
                               int64_t{1}, std::multiplies<>());
    }

    /// The axes before the matrices become one, that of the examples: a mask has all of them, or
    /// none. False where it has some.
    bool merge_mask_axes(Builder& b, const Shape& shape) {
        const auto front = static_cast<int64_t>(shape.size()) - 2;
        std::vector<int64_t> dims;
        const auto in_front = std::count_if(mask_dims_.begin(), mask_dims_.end(),
                                            [&](int64_t axis) { return axis < front; });
        if (in_front != 0 && in_front != front) return false;
        Shape mask;
        if (in_front != 0) {
            dims.push_back(0);
            mask.push_back(elements_before(shape, 2));
        }
        for (size_t i = 0; i < mask_dims_.size(); ++i)
            if (mask_dims_[i] >= front) {
                dims.push_back(mask_dims_[i] - front + 2);
                mask.push_back(b.shape(mask_)[i]);
            }
        mask_ = b.reshape(mask_, mask);
        mask_dims_ = dims;
        return true;
    }

    Rewriter& r_;
    const std::vector<int>& readers_;
    Matrix queries_, keys_, values_;
    ValueId scores_ = kNone, mask_ = kNone;
    std::vector<int64_t> mask_dims_;  ///< its axes among those of the scores
    double scale_ = 1;
};

}  // namespace

Result<bool> fuse_attention(Module& module, Diagnostics&) {
    bool changed = false;
    for (Function& function : module.functions) {
        const std::vector<int> readers = count_readers(function);
        changed |= Rewriter(module, function).run([&](Rewriter& rewriter, Operation& op) {
            return AttentionMatcher(rewriter, readers).fused(op);
        });
    }
    return changed;
}

}  // namespace gmc::passes
