// Ops that stand for a formula of other ops (`attention` and its gradient), and that formula. What
// knows no such op, such as second derivatives and ONNX, works on the formula.
#pragma once

#include <vector>

#include "compiler/ir/builder.h"

namespace gmc::ops {

/// Whether the op stands for a formula of other ops.
bool has_plain_form(const ir::Operation& op);

/// Appends the formula of `op`; the values that stand for its results.
std::vector<ir::ValueId> emit_plain_form(ir::Builder& b, const ir::Operation& op);

/// Appends the gradient of an `attention` in its mask: `diff` is that of its result.
ir::ValueId emit_mask_gradient(ir::Builder& b, const ir::Operation& attention, ir::ValueId diff);

/// Replaces all ops of the module that have a plain form by it.
void expand_plain_forms(ir::Module& module);

}  // namespace gmc::ops
