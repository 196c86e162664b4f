// Finds the groups of axes that correspond across a reshape. Two pointers walk the two shapes,
// multiply sizes, and close a group whenever the products meet. That the products meet in the end
// is ensured by the equal number of elements.
#include "compiler/passes/reshape_groups.h"

#include <algorithm>

namespace gmc::passes {

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

/// Walks along both shapes and closes a group as soon as the products of sizes on both sides are
/// equal; sizes of 1 that follow still belong to it. [128, 28, 28, 64] and [128, 784, 64]: 128 =
/// 128, then 28 < 784, 28 * 28 = 784, then 64 = 64, so three groups.
std::vector<ReshapeGroup> reshape_groups(const Shape& from, const Shape& to) {
    std::vector<ReshapeGroup> groups;
    const auto from_rank = static_cast<int64_t>(from.size()),
               to_rank = static_cast<int64_t>(to.size());
    int64_t i = 0, j = 0;
    while (i < from_rank || j < to_rank) {
        ReshapeGroup g{i, i, j, j};
        int64_t from_size = 1, to_size = 1;
        if (i < from_rank) from_size *= from[i++];
        if (j < to_rank) to_size *= to[j++];
        while (from_size != to_size) {
            if (from_size < to_size)
                from_size *= from[i++];
            else
                to_size *= to[j++];
        }
        while (i < from_rank && from[i] == 1) ++i;
        while (j < to_rank && to[j] == 1) ++j;
        g.from_end = i;
        g.to_end = j;
        groups.push_back(g);
    }
    return groups;
}

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
