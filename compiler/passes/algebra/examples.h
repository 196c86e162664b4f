// Which contractions treat the examples of a batch, the first axis, one by one.
#pragma once

#include "compiler/ir/module.h"

namespace gmc::passes {

/// Contractions whose first axis of the first operand and of the result are the examples, which all
/// meet the same second operand. They are linear in each example: c(s x) = s c(x).
inline bool maps_examples(const ir::Function& function, const ir::Operation& op) {
    if (const auto* matmul = op.as<ir::Matmul>())
        return !matmul->transpose_a && function.type(op.result()).rank() == 2;
    return op.as<ir::Conv>() != nullptr || op.as<ir::ConvBackwardData>() != nullptr;
}

/// Contractions that sum over the first axis of both operands.
inline bool sums_examples(const ir::Function& function, const ir::Operation& op) {
    if (const auto* matmul = op.as<ir::Matmul>())
        return matmul->transpose_a && !matmul->transpose_b &&
               function.type(op.result()).rank() == 2;
    return op.as<ir::ConvBackwardWeights>() != nullptr;
}

}  // namespace gmc::passes
