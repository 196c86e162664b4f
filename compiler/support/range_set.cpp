// A segment tree in an array: node 1 is the root, node n has the children 2n and 2n + 1, and the
// leaves are the second half of the array. Leaf `leaves_ + p` belongs to the range with the p-th
// smallest beginning. It holds that range's end while the range is a member, and kNoEnd otherwise;
// an inner node holds the larger of its children.
#include "compiler/support/range_set.h"

#include <algorithm>
#include <numeric>

namespace gmc {

RangeSet::RangeSet(const std::vector<ByteRange>& ranges)
    : order_(ranges.size()), position_(ranges.size()) {
    std::iota(order_.begin(), order_.end(), size_t{0});
    std::stable_sort(order_.begin(), order_.end(),
                     [&](size_t a, size_t b) { return ranges[a].begin < ranges[b].begin; });
    for (size_t position = 0; position < order_.size(); ++position) {
        position_[order_[position]] = position;
        ranges_.push_back(ranges[order_[position]]);
    }
    while (leaves_ < ranges.size()) leaves_ *= 2;
    ends_.assign(2 * leaves_, kNoEnd);
}

/// Changes one leaf and repairs the nodes on the way up to the root.
void RangeSet::set(size_t index, int64_t end) {
    size_t node = leaves_ + position_[index];
    ends_[node] = end;
    for (node /= 2; node > 0; node /= 2)
        ends_[node] = std::max(ends_[2 * node], ends_[2 * node + 1]);
}

std::vector<size_t> RangeSet::overlapping(ByteRange range) const {
    std::vector<size_t> out;
    collect(1, 0, leaves_, range, out);
    std::sort(out.begin(), out.end());
    return out;
}

/// Adds to `out` the members below `node` that overlap `range`. The leaves below `node` are those
/// of the `width` positions from `first` on. A whole subtree is left out when its ranges begin too
/// late (they are sorted, so the first one decides) or all of its members end too early (the
/// largest end decides). So each member that is found costs one way down the tree.
void RangeSet::collect(size_t node, size_t first, size_t width, ByteRange range,
                       std::vector<size_t>& out) const {
    if (first >= ranges_.size() || ranges_[first].begin >= range.end) return;
    if (ends_[node] <= range.begin) return;
    if (width == 1) {
        out.push_back(order_[first]);
        return;
    }
    collect(2 * node, first, width / 2, range, out);
    collect(2 * node + 1, first + width / 2, width / 2, range, out);
}

}  // namespace gmc
