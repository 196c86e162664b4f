// One rule per op, found by overload. Each rule looks one op back; a chain of several ops shrinks
// from round to round of the stage.
#include "compiler/passes/algebra/simplify.h"

#include <algorithm>
#include <numeric>

#include "compiler/passes/reshape_groups.h"
#include "compiler/passes/rewriter.h"

namespace gmc::passes {
namespace {

using namespace ir;  // NOLINT: all of this is about ir

/// The op at hand and what the rules ask about it.
struct Context {
    Rewriter& rewriter;
    Operation& op;
    bool has_gradient;  ///< whether the function has a `gradient` op

    ValueId x() const { return op.operands[0]; }
    const Type& x_type() const { return rewriter.type(op.operands[0]); }
    const Shape& x_shape() const { return x_type().shape; }
    const Type& type() const { return rewriter.type(op.result()); }
    /// The op that computes x, when it is an `Op`.
    template <typename Op>
    const Operation* inner() const {
        return rewriter.definition_as<Op>(op.operands[0]);
    }
    ValueId become(OpVariant with, ValueId operand) {
        return rewriter.become(op, std::move(with), {operand});
    }
};

/// The sizes other than 1.
Shape long_sizes(const Shape& shape) {
    Shape out;
    std::copy_if(shape.begin(), shape.end(), std::back_inserter(out),
                 [](int64_t size) { return size != 1; });
    return out;
}

// ---- repeating ----------------------------------------------------------------------------------

/// broadcast(reshape(x)), where the reshape only adds axes of size 1: the axes of x, seen from the
/// result.
bool skip_unit_axes(const Broadcast& op, Context& c) {
    const Operation* reshape = c.inner<Reshape>();
    if (reshape == nullptr) return false;
    const ValueId source = reshape->operands[0];
    const Shape& before = c.rewriter.shape(source);
    if (long_sizes(before) != before || long_sizes(c.x_shape()) != before) return false;
    Broadcast direct;
    for (size_t i = 0; i < op.dims.size(); ++i)
        if (c.x_shape()[i] != 1) direct.dims.push_back(op.dims[i]);
    c.become(direct, source);
    return true;
}

ValueId rule(const Broadcast& op, Context& c) {
    if (c.type() == c.x_type()) return c.x();
    if (c.type().elements() == c.x_type().elements()) return c.become(Reshape{}, c.x());
    if (const Operation* inner = c.inner<Broadcast>()) {
        Broadcast joined;
        for (int64_t axis : inner->as<Broadcast>()->dims) joined.dims.push_back(op.dims[axis]);
        return c.become(joined, inner->operands[0]);
    }
    skip_unit_axes(op, c);
    return kNone;
}

// ---- same elements, other places ----------------------------------------------------------------

ValueId rule(const Reshape&, Context& c) {
    if (c.type() == c.x_type()) return c.x();
    if (const Operation* inner = c.inner<Reshape>()) return c.become(Reshape{}, inner->operands[0]);
    const Operation* inner = c.inner<Broadcast>();
    if (inner == nullptr) return kNone;
    const std::optional<std::vector<int64_t>> dims =
        reshaped_broadcast(inner->as<Broadcast>()->dims, c.x_shape(), c.type().shape);
    return dims ? c.become(Broadcast{*dims}, inner->operands[0]) : kNone;
}

ValueId rule(const Transpose& op, Context& c) {
    // Axes of size 1 may go anywhere without an element moving.
    std::vector<int64_t> moved;
    for (int64_t axis : op.permutation)
        if (c.x_shape()[axis] != 1) moved.push_back(axis);
    if (std::is_sorted(moved.begin(), moved.end())) return c.become(Reshape{}, c.x());
    const Operation* inner = c.inner<Transpose>();
    if (inner == nullptr) return kNone;
    Transpose joined;
    for (int64_t axis : op.permutation)
        joined.permutation.push_back(inner->as<Transpose>()->permutation[axis]);
    return c.become(joined, inner->operands[0]);
}

// ---- parts and margins --------------------------------------------------------------------------

std::vector<int64_t> sum_of(const std::vector<int64_t>& a, const std::vector<int64_t>& b) {
    std::vector<int64_t> out(a.size());
    std::transform(a.begin(), a.end(), b.begin(), out.begin(), std::plus<>());
    return out;
}

/// slice(concat(...)): becomes a slice of the operand in which it lies. False when it spans several
/// operands. (With a stride, the limit may lie in the next operand though no element does; such a
/// slice is left alone.)
bool slice_of_concat(const Slice& op, const Operation& concat, Context& c) {
    const int64_t axis = concat.as<Concat>()->axis;
    int64_t begin = 0;
    for (ValueId part : concat.operands) {
        const int64_t end = begin + c.rewriter.shape(part)[axis];
        if (op.starts[axis] >= begin && op.limits[axis] <= end) {
            Slice inside = op;
            inside.starts[axis] -= begin;
            inside.limits[axis] -= begin;
            c.become(inside, part);
            return true;
        }
        begin = end;
    }
    return false;
}

ValueId rule(const Slice& op, Context& c) {
    if (c.type() == c.x_type()) return c.x();
    const Operation* inner_slice = c.inner<Slice>();
    if (inner_slice != nullptr && op.strides.empty() && inner_slice->as<Slice>()->strides.empty()) {
        const Operation* inner = inner_slice;
        const std::vector<int64_t>& origin = inner->as<Slice>()->starts;
        return c.become(Slice{sum_of(op.starts, origin), sum_of(op.limits, origin)},
                        inner->operands[0]);
    }
    if (const Operation* inner = c.inner<Pad>())
        if (inner->as<Pad>()->low == op.starts && op.strides.empty() &&
            inner->as<Pad>()->interior.empty() && c.rewriter.type(inner->operands[0]) == c.type())
            return inner->operands[0];
    if (const Operation* inner = c.inner<Concat>()) slice_of_concat(op, *inner, c);
    return kNone;
}

ValueId rule(const Pad& op, Context& c) {
    if (c.type() == c.x_type()) return c.x();
    const Operation* inner = c.inner<Pad>();
    if (inner == nullptr) return kNone;
    const Pad& first = *inner->as<Pad>();
    if (!op.interior.empty() || !first.interior.empty()) return kNone;
    return c.become(Pad{sum_of(op.low, first.low), sum_of(op.high, first.high)},
                    inner->operands[0]);
}

ValueId rule(const Concat&, Context& c) { return c.op.operands.size() == 1 ? c.x() : kNone; }

// ---- reductions ---------------------------------------------------------------------------------

/// reduce(reduce(x, first), second) = reduce(x, both): `second` counts the axes that the first
/// left.
std::vector<int64_t> joined_axes(int64_t rank, const std::vector<int64_t>& first,
                                 const std::vector<int64_t>& second) {
    const std::vector<int64_t> left = other_axes(rank, first);
    std::vector<int64_t> all = first;
    for (int64_t axis : second) all.push_back(left[axis]);
    std::sort(all.begin(), all.end());
    return all;
}

template <typename Reduction>
ValueId reduction_rule(const Reduction& op, Context& c) {
    if (c.type() == c.x_type()) return c.x();
    if (c.type().elements() == c.x_type().elements()) return c.become(Reshape{}, c.x());
    if (const Operation* inner = c.inner<Reduction>()) {
        const ValueId source = inner->operands[0];
        return c.become(Reduction{joined_axes(c.rewriter.type(source).rank(),
                                              inner->template as<Reduction>()->axes, op.axes)},
                        source);
    }
    const Operation* inner = c.inner<Reshape>();
    if (inner == nullptr) return kNone;
    const ValueId source = inner->operands[0];
    const std::optional<std::vector<int64_t>> axes =
        reshaped_axes(op.axes, c.x_shape(), c.rewriter.shape(source));
    if (!axes) return kNone;
    Shape left;
    for (int64_t axis : other_axes(c.rewriter.type(source).rank(), *axes))
        left.push_back(c.rewriter.shape(source)[axis]);
    if (left == c.type().shape) return c.become(Reduction{*axes}, source);
    const ValueId reduced = c.rewriter.builder().emit(Reduction{*axes}, {source});
    return c.become(Reshape{}, reduced);
}
ValueId rule(const ReduceSum& op, Context& c) { return reduction_rule(op, c); }
ValueId rule(const ReduceMax& op, Context& c) { return reduction_rule(op, c); }

// ---- others -------------------------------------------------------------------------------------

/// x + broadcast(p) - broadcast(q) = x - broadcast(q - p): a bias before a normalisation moves its
/// centre.
ValueId rule(const Sub&, Context& c) {
    const Operation* sum = c.inner<Add>();
    const Operation* centre = c.rewriter.definition_as<Broadcast>(c.op.operands[1]);
    if (sum == nullptr || centre == nullptr) return kNone;
    for (size_t i = 0; i < 2; ++i) {
        const Operation* shift = c.rewriter.definition_as<Broadcast>(sum->operands[i]);
        if (shift == nullptr || shift->as<Broadcast>()->dims != centre->as<Broadcast>()->dims)
            continue;
        const Broadcast repeat = *centre->as<Broadcast>();
        const ValueId x = sum->operands[1 - i], p = shift->operands[0], q = centre->operands[0];
        Builder& b = c.rewriter.builder();
        const ValueId moved = b.broadcast(b.sub(q, p), repeat.dims, c.type().shape);
        return c.rewriter.become(c.op, Sub{}, {x, moved});
    }
    return kNone;
}

/// Whether it exchanges the last two axes and leaves the others.
bool transposes_matrices(const Transpose& transpose) {
    std::vector<int64_t> order = transpose.permutation;
    if (order.size() < 2) return false;
    std::swap(order[order.size() - 2], order.back());
    return order == all_axes(static_cast<int64_t>(order.size()));
}

/// Contractions read either operand transposed at no cost.
ValueId rule(const Matmul& op, Context& c) {
    Matmul flipped = op;
    std::vector<ValueId> operands = c.op.operands;
    bool* flags[] = {&flipped.transpose_a, &flipped.transpose_b};
    for (size_t i = 0; i < 2; ++i)
        if (const Operation* inner = c.rewriter.definition_as<Transpose>(operands[i]);
            inner != nullptr && transposes_matrices(*inner->as<Transpose>())) {
            *flags[i] = !*flags[i];
            operands[i] = inner->operands[0];
        }
    return operands == c.op.operands ? kNone : c.rewriter.become(c.op, flipped, operands);
}

/// A number that is bf16 already loses nothing on the way through f32.
ValueId rule(const Cast&, Context& c) {
    if (c.type() == c.x_type()) return c.x();
    const Operation* inner = c.inner<Cast>();
    const bool same = inner != nullptr && c.rewriter.type(inner->operands[0]) == c.type();
    return same && c.type().dtype == DType::kBf16 ? inner->operands[0] : kNone;
}

ValueId rule(const StopGradient&, Context& c) { return c.has_gradient ? kNone : c.x(); }

template <typename Op>
ValueId rule(const Op&, Context&) {
    return kNone;
}

bool has_gradient(const Function& function) {
    return std::any_of(function.operations.begin(), function.operations.end(),
                       [](const Operation& op) { return op.as<Gradient>() != nullptr; });
}

}  // namespace

Result<bool> simplify(Module& module, Diagnostics&) {
    bool changed = false;
    for (Function& function : module.functions) {
        const bool gradient = has_gradient(function);
        changed |= Rewriter(module, function).run([&](Rewriter& rewriter, Operation& op) {
            Context context{rewriter, op, gradient};
            const OpVariant visited = op.op;  // a copy: rules change the op
            return std::visit([&](const auto& o) { return rule(o, context); }, visited);
        });
    }
    return changed;
}

}  // namespace gmc::passes
