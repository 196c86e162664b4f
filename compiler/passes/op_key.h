// What makes two operations compute the same, as bytes for hash tables.
#pragma once

#include <span>
#include <string>

#include "compiler/ir/ops.h"
#include "compiler/ir/type.h"

namespace gmc::passes {

/// Equal for two operations when their op, attributes, `operands` and result's type are equal.
/// `operands` are ids of values, or numbers that the caller has given to equal ones. For
/// commutative ops the caller sorts them.
std::string op_key(const ir::OpVariant& op, std::span<const int> operands, const ir::Type& type);

}  // namespace gmc::passes
