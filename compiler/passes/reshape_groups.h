// Axes before a reshape as axes after it: what happens to whole groups of axes that correspond
// (ir::reshape_groups) can happen before the reshape as well as after it.
#pragma once

#include <optional>
#include <vector>

#include "compiler/ir/infer.h"

namespace gmc::passes {

/// `axes` of `from` as axes of `to`; nothing when they cut a group.
std::optional<std::vector<int64_t>> reshaped_axes(const std::vector<int64_t>& axes,
                                                  const ir::Shape& from, const ir::Shape& to);

/// The dims with which a value can be broadcast to `to` directly, given those with which it is
/// broadcast to `from`, which is then reshaped to `to`; nothing when the reshape cuts or joins axes
/// of the value.
std::optional<std::vector<int64_t>> reshaped_broadcast(const std::vector<int64_t>& dims,
                                                       const ir::Shape& from, const ir::Shape& to);

}  // namespace gmc::passes
