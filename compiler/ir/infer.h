// Shape rules: the type of an op's result from its operands' types, or why there is none.
#pragma once

#include <string>
#include <vector>

#include "compiler/ir/ops.h"
#include "compiler/ir/type.h"

namespace gmc::ir {

/// What a shape rule sees, and where it reports. `declared` is the type that is written or asked
/// for, needed by ops whose result does not follow from their operands (constants, broadcasts,
/// reshapes, backward convolutions); null when none was given.
struct InferContext {
    std::vector<Type> operands;
    const Type* declared = nullptr;
    std::string error;  ///< why there is no type; empty = fine

    Type fail(std::string why) {
        error = std::move(why);
        return {};
    }
};

/// The result's type; on failure `context.error` says what was seen and what would be right. Checks
/// the number of operands against OpInfo::operands. Not for `fused`, `scan` and
/// `gradient`, which have several results.
Type infer_type(const OpVariant& op, InferContext& context);

}  // namespace gmc::ir
