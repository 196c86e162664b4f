// Two rules: a transpose moves before the products that it reads, or behind the product that reads
// it.
#include "compiler/passes/algebra/move_transposes.h"

#include <algorithm>

#include "compiler/passes/rewriter.h"

namespace gmc::passes {
namespace {

using namespace ir;  // NOLINT: all of this is about ir

using Order = std::vector<int64_t>;

/// An order of axes that leaves the last one where it is.
bool keeps_rows(const Order& order) {
    return order.size() > 2 && order.back() == static_cast<int64_t>(order.size()) - 1;
}

Shape in_order(const Shape& shape, const Order& order) {
    Shape out;
    for (const int64_t axis : order) out.push_back(shape[static_cast<size_t>(axis)]);
    return out;
}

/// Whether two orders, one after the other, change nothing.
bool undo_each_other(const Order& first, const Order& second) {
    for (size_t i = 0; i < second.size(); ++i)
        if (first[static_cast<size_t>(second[i])] != static_cast<int64_t>(i)) return false;
    return true;
}

/// Rewrites one function. `readers_` are counted at the beginning; values that the pass makes count
/// as read often, so that they stay.
class TransposeMover {
  public:
    TransposeMover(Module& module, Function& function)
        : rewriter_(module, function), readers_(count_readers(function)) {}

    bool run() {
        return rewriter_.run([this](Rewriter&, Operation& op) {
            if (op.as<Transpose>() != nullptr) return move_before(op);
            if (op.as<Matmul>() != nullptr) return move_behind(op);
            return kNone;
        });
    }

  private:
    /// A product of rows with a matrix: what stands between the tensor of rows, x[..., F], and the
    /// tensor of results, [..., G].
    struct RowProduct {
        ValueId x, matrix;
        Matmul form;
        Location location;
    };

    bool is_read_once(ValueId v) const {
        return static_cast<size_t>(v) < readers_.size() && readers_[v] == 1;
    }
    int64_t row_of(ValueId v) const { return rewriter_.shape(v).back(); }

    /// The rows that a product reads: `a` is their matrix, a reshape that keeps the last axis.
    ValueId rows_of(ValueId a) const {
        const Operation* flat = rewriter_.definition_as<Reshape>(a);
        if (flat == nullptr || rewriter_.shape(a).size() != 2) return kNone;
        const ValueId x = flat->operands[0];
        return rewriter_.shape(x).size() > 2 && row_of(x) == row_of(a) ? x : kNone;
    }

    /// Of a value that is a reshape of a product of as many rows.
    std::optional<RowProduct> product_of(ValueId v) const {
        const Operation* shaped = rewriter_.definition_as<Reshape>(v);
        if (shaped == nullptr || !is_read_once(v)) return std::nullopt;
        const ValueId result = shaped->operands[0];
        const Operation* product = rewriter_.definition_as<Matmul>(result);
        if (product == nullptr || !is_read_once(result) || row_of(v) != row_of(result))
            return std::nullopt;
        const Matmul form = *product->as<Matmul>();
        const ValueId x = form.transpose_a ? kNone : rows_of(product->operands[0]);
        if (x == kNone || !is_read_once(product->operands[0])) return std::nullopt;
        const Shape &from = rewriter_.shape(x), &to = rewriter_.shape(v);
        if (from.size() != to.size() || !std::equal(from.begin(), from.end() - 1, to.begin()))
            return std::nullopt;
        return RowProduct{x, product->operands[1], form, product->location};
    }

    /// The same for every row.
    bool is_same_in_rows(ValueId v) const {
        if (rewriter_.constant(v) != nullptr) return true;
        const Operation* op = rewriter_.definition_as<Broadcast>(v);
        if (op == nullptr) return false;
        const auto last = static_cast<int64_t>(rewriter_.shape(v).size()) - 1;
        const Order& dims = op->as<Broadcast>()->dims;
        return std::all_of(dims.begin(), dims.end(), [&](int64_t axis) { return axis == last; });
    }

    /// How many numbers fewer are transposed when the transpose of `v` moves before the products;
    /// none where it cannot.
    std::optional<int64_t> gain(ValueId v, const Order& order, int depth = 0) const {
        constexpr int kDepthMost = 16;
        if (is_same_in_rows(v)) return 0;
        if (const auto product = product_of(v))
            return row_of(v) - (source_of(product->x, order) != kNone ? 0 : row_of(product->x));
        const Operation* op = rewriter_.definition(v);
        if (op == nullptr || depth == kDepthMost || !op->info().has(kElementwise) ||
            !is_read_once(v))
            return std::nullopt;
        int64_t sum = 0;
        for (const ValueId operand : op->operands) {
            const auto part = gain(operand, order, depth + 1);
            if (!part) return std::nullopt;
            sum += *part;
        }
        return sum;
    }

    /// What a transpose that `order` undoes was made of.
    ValueId source_of(ValueId x, const Order& order) const {
        const Operation* op = rewriter_.definition_as<Transpose>(x);
        const bool undone = op != nullptr && is_read_once(x) &&
                            undo_each_other(op->as<Transpose>()->permutation, order);
        return undone ? op->operands[0] : kNone;
    }

    ValueId move_before(const Operation& transpose) {
        const Order order = transpose.as<Transpose>()->permutation;
        const ValueId v = transpose.operands[0];
        const bool rows = keeps_rows(order) && !is_same_in_rows(v);
        if (!rows || gain(v, order).value_or(0) <= 0) return kNone;
        return transposed(v, order);
    }

    /// The transpose of `v`, computed from transposed rows.
    ValueId transposed(ValueId v, const Order& order) {
        Builder& b = rewriter_.builder();
        const Operation op = *rewriter_.definition(v);  // a copy: emitting moves ops
        const Type type{rewriter_.type(v).dtype, in_order(rewriter_.shape(v), order)};
        const Location before = b.location();
        ValueId result = kNone;
        if (is_same_in_rows(v)) {
            b.set_location(op.location);
            result = b.emit_typed(op.op, op.operands, type);
        } else if (const auto product = product_of(v)) {
            const ValueId source = source_of(product->x, order);
            const ValueId x = source != kNone ? source : b.transpose(product->x, order);
            b.set_location(product->location);
            result = b.reshape(multiply(*product, x), type.shape);
        } else {
            std::vector<ValueId> operands;
            for (const ValueId operand : op.operands)
                operands.push_back(transposed(operand, order));
            b.set_location(op.location);
            result = b.emit_typed(op.op, std::move(operands), type);
        }
        b.set_location(before);
        return result;
    }

    /// The matrix of the products of the rows of x.
    ValueId multiply(const RowProduct& product, ValueId x) {
        Builder& b = rewriter_.builder();
        const Shape shape = rewriter_.shape(x);
        const int64_t rows = rewriter_.type(x).elements() / shape.back();
        return b.emit(product.form, {b.reshape(x, {rows, shape.back()}), product.matrix});
    }

    ValueId move_behind(const Operation& product) {
        const Matmul form = *product.as<Matmul>();
        const ValueId a = product.operands[0], result = product.result();
        const ValueId t = form.transpose_a ? kNone : rows_of(a);
        if (t == kNone || !is_read_once(a) || !is_read_once(t) || row_of(t) <= row_of(result))
            return kNone;
        const Operation* transpose = rewriter_.definition_as<Transpose>(t);
        if (transpose == nullptr || !keeps_rows(transpose->as<Transpose>()->permutation))
            return kNone;
        const Order order = transpose->as<Transpose>()->permutation;
        const ValueId x = transpose->operands[0];
        Builder& b = rewriter_.builder();
        Shape shape = rewriter_.shape(x);
        const ValueId moved = multiply({x, product.operands[1], form, product.location}, x);
        shape.back() = row_of(result);
        const Shape matrix = rewriter_.shape(result);
        return b.reshape(b.transpose(b.reshape(moved, shape), order), matrix);
    }

    Rewriter rewriter_;
    std::vector<int> readers_;
};

}  // namespace

Result<bool> move_transposes(Module& module, Diagnostics&) {
    bool changed = false;
    for (Function& function : module.functions) changed |= TransposeMover(module, function).run();
    return changed;
}

}  // namespace gmc::passes
