// What an element-wise op makes of numbers, for constant folding. In double, as the runtime's
// reference has it.
#pragma once

#include <optional>
#include <span>

#include "compiler/ir/ops.h"

namespace gmc::passes {

/// The op's result for these operands; nothing for ops that are not element-wise.
std::optional<double> scalar_value(const ir::OpVariant& op, std::span<const double> operands);

}  // namespace gmc::passes
