// Which slices and concats need no copy: parts that lie in one piece can be looked at, or written,
// where they are.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "compiler/ir/module.h"

namespace gmc::ir {

/// Bytes from the start of the operand of the slice `op` to its result, when the result is one
/// piece of the operand: all of later axes, and one position of earlier ones.
std::optional<int64_t> view_offset(const Function& function, const Operation& op);

/// Bytes from the start of the result of the concat `op` to each operand's part, when every part is
/// one piece: axes before the one that grows have size 1. Empty otherwise.
std::vector<int64_t> part_offsets(const Function& function, const Operation& op);

}  // namespace gmc::ir
