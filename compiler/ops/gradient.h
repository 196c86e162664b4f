// Gradient rules: for each op, the ops that carry the derivative of its result back to its
// operands. Every rule emits ordinary ops, so a gradient can be differentiated again.
#pragma once

#include <vector>

#include "compiler/ir/builder.h"

namespace gmc::ops {

/// What a rule sees of one op, and where it puts what it found: `c.set(i, value)` for each operand
/// i for which `c.wants(i)`. Setting one that is not wanted is allowed; the ops are removed by dce.
class GradientContext {
  public:
    /// `diff` is df/d(result) for a scalar f. `wanted[i]` says whether df/d(operand i) is needed.
    GradientContext(ir::Builder& builder, const ir::Operation& operation, ir::ValueId diff,
                    std::vector<bool> wanted)
        : b(builder),
          operation_(operation),
          diff_(diff),
          wanted_(std::move(wanted)),
          found_(operation.operands.size(), ir::kNone) {}

    ir::Builder& b;

    const ir::Operation& operation() const { return operation_; }
    ir::ValueId diff() const { return diff_; }
    ir::ValueId operand(size_t i) const { return operation_.operands[i]; }
    size_t operand_count() const { return operation_.operands.size(); }
    ir::ValueId result() const { return operation_.result(); }
    const ir::Shape& shape() const { return b.shape(result()); }
    bool wants(size_t i) const { return wanted_[i]; }

    /// Says that df/d(operand i) is `value`.
    void set(size_t i, ir::ValueId value) { found_[i] = value; }
    /// kNone where no gradient flows.
    ir::ValueId found(size_t i) const { return found_[i]; }

  private:
    const ir::Operation& operation_;
    ir::ValueId diff_;                // df/d(result)
    std::vector<bool> wanted_;        // by operand
    std::vector<ir::ValueId> found_;  ///< by operand: df/d(operand)
};

/// Runs the rule of the op. Not for ops with kNoGradient, which have none to run.
void gradient(const ir::OpVariant& op, GradientContext& context);

}  // namespace gmc::ops
