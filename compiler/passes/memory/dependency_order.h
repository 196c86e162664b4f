// Puts operations in an order in which every operand comes before its use, which passes that join
// distant operations lose.
#pragma once

#include "compiler/ir/module.h"

namespace gmc::passes {

/// Keeps the order of operations but for those that come too late: these move before their first
/// use. Operations must not need each other in a circle.
void sort_by_dependency(ir::Function& function);

}  // namespace gmc::passes
