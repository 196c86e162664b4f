// What makes two operations compute the same, as bytes for hash tables.
#pragma once

#include <span>
#include <string>

#include "compiler/ir/ops.h"
#include "compiler/ir/type.h"

namespace gmc::passes {

/// Equal for operations of one op with equal attributes, numbers of operands, and type. For
/// `commutative` ops the caller sorts the operands.
std::string op_key(const ir::OpVariant& op, std::span<const int> operands, const ir::Type& type);

}  // namespace gmc::passes
