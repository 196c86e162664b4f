// Translates axes of the shape before a reshape into axes of the shape after it, one group of
// corresponding axes at a time.
#include "compiler/passes/reshape_groups.h"

#include <algorithm>

namespace gmc::passes {

using ir::reshape_groups;
using ir::ReshapeGroup;
using ir::Shape;

namespace {

/// The one axis of [begin, end) whose size is not 1.
std::optional<int64_t> only_axis(const Shape& shape, int64_t begin, int64_t end) {
    std::optional<int64_t> found;
    for (int64_t axis = begin; axis < end; ++axis) {
        if (shape[axis] == 1) continue;
        if (found) return std::nullopt;
        found = axis;
    }
    return found;
}

}  // namespace

/// Each group must be named as a whole or not at all. Axes of size 1 do not count, since they hold
/// no elements of their own.
std::optional<std::vector<int64_t>> reshaped_axes(const std::vector<int64_t>& axes,
                                                  const Shape& from, const Shape& to) {
    std::vector<int64_t> out;
    for (const ReshapeGroup& g : reshape_groups(from, to)) {
        int64_t named = 0, matter = 0;
        for (int64_t axis = g.from_begin; axis < g.from_end; ++axis) {
            if (from[axis] == 1) continue;
            ++matter;
            named += std::count(axes.begin(), axes.end(), axis);
        }
        if (named != 0 && named != matter) return std::nullopt;
        for (int64_t axis = g.to_begin; named != 0 && axis < g.to_end; ++axis) out.push_back(axis);
    }
    return out;
}

std::optional<std::vector<int64_t>> reshaped_broadcast(const std::vector<int64_t>& dims,
                                                       const Shape& from, const Shape& to) {
    std::vector<int64_t> out;
    for (const ReshapeGroup& g : reshape_groups(from, to)) {
        const int64_t named = std::count_if(dims.begin(), dims.end(), [&](int64_t axis) {
            return axis >= g.from_begin && axis < g.from_end;
        });
        if (named == 0) continue;
        // The value varies along this group. Apart from axes of size 1 the group must be a single
        // axis before and after the reshape; otherwise the value itself would have to be reshaped.
        const std::optional<int64_t> before = only_axis(from, g.from_begin, g.from_end);
        const std::optional<int64_t> after = only_axis(to, g.to_begin, g.to_end);
        if (named != 1 || !before || !after || std::count(dims.begin(), dims.end(), *before) == 0)
            return std::nullopt;
        out.push_back(*after);
    }
    return out;
}

}  // namespace gmc::passes
