// How axes correspond across a reshape. [128,7,7,64] and [128,3136] have the groups 128 = 128 and 7
// x 7 x 64 = 3136: what happens to whole groups can happen before the reshape as well as after it.
#pragma once

#include <optional>
#include <vector>

#include "compiler/ir/type.h"

namespace gmc::passes {

/// Axes [begin, end) of either shape, with equal products.
struct ReshapeGroup {
    int64_t from_begin = 0, from_end = 0;
    int64_t to_begin = 0, to_end = 0;
};

/// The smallest groups, in order; shapes must have equally many elements. Axes of size 1 go with
/// what is before them, or at the front with what comes after.
std::vector<ReshapeGroup> reshape_groups(const ir::Shape& from, const ir::Shape& to);

/// `axes` of `from` as axes of `to`; nothing when they cut a group.
std::optional<std::vector<int64_t>> reshaped_axes(const std::vector<int64_t>& axes,
                                                  const ir::Shape& from, const ir::Shape& to);

/// The dims with which a value can be broadcast to `to` directly, given those with which it is
/// broadcast to `from`, which is then reshaped to `to`; nothing when the reshape cuts or joins axes
/// of the value.
std::optional<std::vector<int64_t>> reshaped_broadcast(const std::vector<int64_t>& dims,
                                                       const ir::Shape& from, const ir::Shape& to);

}  // namespace gmc::passes
