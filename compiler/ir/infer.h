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
/// the number of operands against OpInfo::operands. Not for `fused`, `scan`,
/// `gradient` and `attention_gradient`, which have several results.
Type infer_type(const OpVariant& op, InferContext& context);

/// Why these operands do not go with `attention`, or with `with_diff` with `attention_gradient`; ""
/// when they do.
std::string attention_misfit(const AttentionForm& form, bool with_diff,
                             const std::vector<Type>& operands);

/// Axes that correspond across a reshape: [begin, end) of either shape, with equal products.
/// [128,7,7,64] and [128,3136] have the groups 128 = 128 and 7 x 7 x 64 = 3136.
struct ReshapeGroup {
    int64_t from_begin = 0, from_end = 0;
    int64_t to_begin = 0, to_end = 0;
};

/// The smallest groups, in order; shapes must have equally many elements. Axes of size 1 go with
/// what is before them, or at the front with what comes after.
std::vector<ReshapeGroup> reshape_groups(const Shape& from, const Shape& to);

}  // namespace gmc::ir
