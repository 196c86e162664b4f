// Replaces sizes: in the types of values, in attributes that count positions, in spaces of loops.
#include "compiler/batch/resize.h"

#include "compiler/ir/scan.h"

namespace gmc {
namespace {

using namespace ir;  // NOLINT: all of this is about ir

/// Changes the sizes of one function from `before` to `after` examples: in the types of values, in
/// the attributes that count positions (slice, pad), and in the spaces of loops. Places in memory
/// are dropped.
class Resizer {
  public:
    Resizer(Function& function, const BatchAxes& axes, int64_t before, int64_t after)
        : f_(function), axes_(axes), before_(before), after_(after), old_(function.values) {}

    void run() {
        for (size_t i = 0; i < f_.values.size(); ++i) {
            Value& value = f_.values[i];
            value.arena_offset = value.home = kNone;
            if (const auto& axis = axes_.of[i]) resize(value.type.shape, *axis);
        }
        for (Operation& op : f_.operations) resize(op);
    }

  private:
    int64_t size(int64_t positions) const { return positions / before_ * after_; }
    void resize(Shape& shape, const BatchAxis& axis) const {
        int64_t& extent = shape[static_cast<size_t>(axis.axis)];
        extent = size(extent);
    }

    /// Shapes and positions in the attributes.
    void resize(Operation& op) {
        if (auto* fused = std::get_if<Fused>(&op.op)) resize(*fused, op.body);
        for (Operation& inner : op.body) resize(inner);
        const auto axis =
            op.operands.empty() ? std::nullopt : axes_.of[static_cast<size_t>(op.operands[0])];
        if (!axis) return;
        const auto at = static_cast<size_t>(axis->axis);
        if (auto* slice = std::get_if<Slice>(&op.op)) {
            slice->starts[at] = size(slice->starts[at]);
            slice->limits[at] = size(slice->limits[at]);
        } else if (auto* pad = std::get_if<Pad>(&op.op)) {
            pad->low[at] = size(pad->low[at]);
            pad->high[at] = size(pad->high[at]);
        }
    }

    /// A loop's space counts examples along the same axis as a value of the space's shape. Some
    /// value that the loop computes or reads has that shape; its batch axis is taken.
    void resize(Fused& fused, const std::vector<Operation>& body) const {
        const auto resize_as = [&](ValueId value) {
            const auto& axis = axes_.of[static_cast<size_t>(value)];
            if (!axis || old_[static_cast<size_t>(value)].type.shape != fused.space) return false;
            resize(fused.space, *axis);
            return true;
        };
        for (const Operation& inner : body) {
            if (resize_as(inner.result())) return;
            for (ValueId operand : inner.operands)
                if (resize_as(operand)) return;
        }
    }

    Function& f_;
    const BatchAxes& axes_;
    int64_t before_, after_;  ///< batch sizes
    std::vector<Value> old_;  ///< the values as they were, to compare shapes with
};

}  // namespace

void resize(Module& module, Function& function, const BatchAxes& axes, int64_t before,
            int64_t after) {
    for (const Operation& op : function.operations)
        if (Function* body = body_of(module, op))
            if (const auto known = axes.bodies.find(body->name); known != axes.bodies.end())
                resize(module, *body, known->second, before, after);
    Resizer(function, axes, before, after).run();
}

}  // namespace gmc
