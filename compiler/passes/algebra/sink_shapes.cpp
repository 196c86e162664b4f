// Three rules for element-wise ops: by their broadcasts, by their reshapes, and by the slices that
// read them.
#include "compiler/passes/algebra/sink_shapes.h"

#include <algorithm>

#include "compiler/ir/views.h"
#include "compiler/passes/rewriter.h"

namespace gmc::passes {
namespace {

using namespace ir;  // NOLINT: all of this is about ir

/// Rewrites one function. `uses_` is counted at the beginning; values made by the pass have no
/// count, and is_read_once is false for them, which only delays a rewrite to the next round.
class ShapeSinker {
  public:
    ShapeSinker(Module& module, Function& function)
        : rewriter_(module, function), uses_(count_readers(function)), slices_(uses_.size()) {
        for (const Operation& op : function.operations)
            if (takes_columns(function, op)) {
                ++slices_[op.operands[0]].count;
                slices_[op.operands[0]].elements += function.type(op.result()).elements();
            }
    }

    bool run() {
        return rewriter_.run([this](Rewriter&, Operation& op) {
            if (op.info().has(kElementwise) && !sink_broadcasts(op)) sink_reshapes(op);
            return takes_columns(rewriter_.builder().function(), op) ? slice_operands(op) : kNone;
        });
    }

  private:
    // ---- broadcasts ----

    /// f(broadcasts and constants) -> broadcast(f(what is broadcast)). The operand with the most
    /// axes sets the inner shape; the others' axes must be among its axes.
    bool sink_broadcasts(Operation& op) {
        if (rewriter_.type(op.result()).dtype == DType::kBf16) return false;  // none is broadcast
        const Operation* widest = nullptr;
        for (ValueId operand : op.operands) {
            const Operation* from = rewriter_.definition_as<Broadcast>(operand);
            if (from == nullptr && rewriter_.constant(operand) == nullptr) return false;
            if (from != nullptr &&
                (widest == nullptr || dims_of(*from).size() > dims_of(*widest).size()))
                widest = from;
        }
        if (widest == nullptr) return false;
        const std::vector<int64_t> dims = dims_of(*widest);  // a copy: emitting moves ops
        const Type inner = rewriter_.type(widest->operands[0]);
        for (ValueId operand : op.operands)
            if (const Operation* from = rewriter_.definition_as<Broadcast>(operand))
                if (!std::includes(dims.begin(), dims.end(), dims_of(*from).begin(),
                                   dims_of(*from).end()))
                    return false;
        std::vector<ValueId> operands;
        for (ValueId operand : op.operands) operands.push_back(with_axes(operand, dims, inner));
        const ValueId small = emit_like(op, operands, inner.shape);
        rewriter_.become(op, Broadcast{dims}, {small});
        return true;
    }

    static const std::vector<int64_t>& dims_of(const Operation& op) {
        return op.as<Broadcast>()->dims;
    }

    /// The operand with the axes `dims` only.
    ValueId with_axes(ValueId operand, const std::vector<int64_t>& dims, const Type& inner) {
        Builder& b = rewriter_.builder();
        if (const double* number = rewriter_.constant(operand))
            return b.emit_typed(Constant{*number}, {}, inner);
        const Operation& from = *rewriter_.definition(operand);
        const ValueId source = from.operands[0];
        std::vector<int64_t> positions;
        for (int64_t axis : dims_of(from))
            positions.push_back(std::lower_bound(dims.begin(), dims.end(), axis) - dims.begin());
        return b.broadcast(source, positions, inner.shape);
    }

    // ---- reshapes ----

    /// f(reshapes and single numbers) -> reshape(f(what is reshaped)).
    void sink_reshapes(Operation& op) {
        std::optional<Type> inner;
        for (ValueId operand : op.operands) {
            if (is_single_number(operand)) continue;
            const Operation* from = rewriter_.definition_as<Reshape>(operand);
            if (from == nullptr || !is_read_once(operand) ||
                !is_computed_elementwise(from->operands[0]))
                return;
            const Type& type = rewriter_.type(from->operands[0]);
            if (inner && *inner != type) return;
            inner = type;
        }
        if (!inner) return;
        std::vector<ValueId> operands;
        for (ValueId operand : op.operands) operands.push_back(before_reshape(operand, *inner));
        const ValueId moved = emit_like(op, operands, inner->shape);
        rewriter_.become(op, Reshape{}, {moved});
    }

    /// The op on other operands, with a result of another shape.
    ValueId emit_like(const Operation& op, std::vector<ValueId> operands, const Shape& shape) {
        return rewriter_.builder().emit_typed(op.op, std::move(operands),
                                              {rewriter_.type(op.result()).dtype, shape});
    }

    bool is_read_once(ValueId value) const {
        return static_cast<size_t>(value) < uses_.size() && uses_[value] == 1;
    }
    bool is_computed_elementwise(ValueId value) const {
        const Operation* op = rewriter_.definition(value);
        return op != nullptr && op->info().has(kElementwise) && is_read_once(value);
    }
    /// One number in all elements, so that its shape does not matter.
    bool is_single_number(ValueId value) const {
        if (rewriter_.constant(value) != nullptr) return true;
        const Operation* op = rewriter_.definition_as<Broadcast>(value);
        return op != nullptr && dims_of(*op).empty();
    }

    ValueId before_reshape(ValueId operand, const Type& inner) {
        Builder& b = rewriter_.builder();
        if (const double* number = rewriter_.constant(operand))
            return b.emit_typed(Constant{*number}, {}, inner);
        const Operation& from = *rewriter_.definition(operand);
        const ValueId source = from.operands[0];
        return from.as<Reshape>() != nullptr ? source : b.splat(source, inner.shape);
    }

    // ---- slices ----

    /// Whether the op is a slice that is no view: a view of what is stored costs nothing.
    static bool takes_columns(const Function& function, const Operation& op) {
        return op.as<Slice>() != nullptr && op.as<Slice>()->strides.empty() &&
               !view_offset(function, op);
    }

    /// slice(f(x, broadcast)) -> f(slice(x), broadcast), where slices alone read f, and together
    /// take no more than there is.
    ValueId slice_operands(const Operation& op) {
        const ValueId whole = op.operands[0];
        const Operation* made = rewriter_.definition(whole);
        if (made == nullptr || !made->info().has(kElementwise) ||
            static_cast<size_t>(whole) >= uses_.size() || uses_[whole] != slices_[whole].count ||
            slices_[whole].elements > rewriter_.type(whole).elements())
            return kNone;
        const Slice slice = *op.as<Slice>();
        const Operation f = *made;  // a copy: emitting moves ops
        std::vector<ValueId> operands;
        for (const ValueId operand : f.operands) operands.push_back(part_of(operand, slice));
        return emit_like(f, std::move(operands), rewriter_.shape(op.result()));
    }

    /// The part of an operand that a slice of the result needs.
    ValueId part_of(ValueId operand, const Slice& slice) {
        Builder& b = rewriter_.builder();
        Type type = rewriter_.type(operand);
        for (size_t axis = 0; axis < type.shape.size(); ++axis)
            type.shape[axis] = slice.limits[axis] - slice.starts[axis];
        if (const double* number = rewriter_.constant(operand))
            return b.emit_typed(Constant{*number}, {}, type);
        const Operation* repeated = rewriter_.definition_as<Broadcast>(operand);
        if (repeated == nullptr) return b.emit(slice, {operand});
        const std::vector<int64_t> dims = dims_of(*repeated);
        ValueId source = repeated->operands[0];
        Slice inner;
        for (const int64_t axis : dims) {
            inner.starts.push_back(slice.starts[static_cast<size_t>(axis)]);
            inner.limits.push_back(slice.limits[static_cast<size_t>(axis)]);
        }
        if (!dims.empty()) source = b.emit(inner, {source});
        return b.emit_typed(Broadcast{dims}, {source}, type);
    }

    struct Slices {
        int count = 0;
        int64_t elements = 0;
    };

    Rewriter rewriter_;
    std::vector<int> uses_;       ///< by value: how often it was read when the pass began
    std::vector<Slices> slices_;  ///< by value: those that read it, without steps
};

}  // namespace

Result<bool> sink_shapes(Module& module, Diagnostics&) {
    bool changed = false;
    for (Function& function : module.functions) changed |= ShapeSinker(module, function).run();
    return changed;
}

}  // namespace gmc::passes
