// Two rules for element-wise ops: by their broadcasts, and by their reshapes.
#include "compiler/passes/algebra/sink_shapes.h"

#include <algorithm>

#include "compiler/passes/rewriter.h"

namespace gmc::passes {
namespace {

using namespace ir;  // NOLINT: all of this is about ir

/// Rewrites one function. `uses_` is counted at the beginning; values made by the pass have no
/// count, and is_read_once is false for them, which only delays a rewrite to the next round.
class ShapeSinker {
  public:
    ShapeSinker(Module& module, Function& function)
        : rewriter_(module, function), uses_(count_readers(function)) {}

    bool run() {
        return rewriter_.run([this](Rewriter&, Operation& op) {
            if (op.info().has(kElementwise) && !sink_broadcasts(op)) sink_reshapes(op);
            return kNone;
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

    Rewriter rewriter_;
    std::vector<int> uses_;  ///< by value: how often it was read when the pass began
};

}  // namespace

Result<bool> sink_shapes(Module& module, Diagnostics&) {
    bool changed = false;
    for (Function& function : module.functions) changed |= ShapeSinker(module, function).run();
    return changed;
}

}  // namespace gmc::passes
