// The reference of element-wise ops: three loops (one, two, three operands) around the ops' own
// meaning, which stands with them in compiler/ir/ops.h.
#pragma once

#include "runtime/reference/context.h"

namespace gmc::runtime {

template <typename Op>
void reference(const Op& op, ReferenceContext& c) requires(Op::kInfo.has(ir::kElementwise)) {
    auto& y = c.result().data;
    const std::vector<double>& a = c.operand(0).data;
    if constexpr (Op::kInfo.operand_count() == 1) {
        for (size_t i = 0; i < y.size(); ++i) y[i] = op(a[i]);
    } else if constexpr (Op::kInfo.operand_count() == 2) {
        const std::vector<double>& b = c.operand(1).data;
        for (size_t i = 0; i < y.size(); ++i) y[i] = op(a[i], b[i]);
    } else {
        const std::vector<double>&b = c.operand(1).data, &third = c.operand(2).data;
        for (size_t i = 0; i < y.size(); ++i) y[i] = op(a[i], b[i], third[i]);
    }
}

}  // namespace gmc::runtime
