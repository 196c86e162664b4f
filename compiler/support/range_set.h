// A set of ranges of bytes that finds the members which overlap a given range without looking at
// the others. The verifier uses it to find values that share memory at the same time: modules may
// come from strangers, so checking one must not take time that is quadratic in its size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace gmc {

struct ByteRange {
    int64_t begin = 0, end = 0;  ///< without the end
};

/// A subset of a list of ranges. The list is given at the beginning, since the tree's shape follows
/// from it; the subset starts empty and changes by insert and erase. A segment tree over the ranges
/// in the order of their beginnings holds in each node the furthest end of the members below it.
class RangeSet {
  public:
    explicit RangeSet(const std::vector<ByteRange>& ranges);

    /// `index` is that in the list. Both take logarithmic time.
    void insert(size_t index) { set(index, ranges_[position_[index]].end); }
    void erase(size_t index) { set(index, kNoEnd); }
    /// Indices of the members that share a byte with `range`, ascending; logarithmic time for each.
    std::vector<size_t> overlapping(ByteRange range) const;

  private:
    static constexpr int64_t kNoEnd = INT64_MIN;

    void set(size_t index, int64_t end);
    void collect(size_t node, size_t first, size_t width, ByteRange range,
                 std::vector<size_t>& out) const;

    // the list's index of the range at a position, in order of beginnings
    std::vector<size_t> order_;
    std::vector<size_t> position_;   ///< the inverse: the position of the range with an index
    std::vector<ByteRange> ranges_;  ///< the ranges, in order of beginnings
    size_t leaves_ = 1;          ///< leaves of the tree: the number of ranges, up to a power of two
    std::vector<int64_t> ends_;  ///< by node: the furthest end of a member below it
};

}  // namespace gmc
