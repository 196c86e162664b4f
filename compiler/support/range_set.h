// A set of ranges of bytes that finds the members that overlap a range without a look at the rest:
// modules come from strangers, so checking one must not take time that is quadratic in its size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace gmc {

struct ByteRange {
    int64_t begin = 0, end = 0;  ///< without the end
};

/// Some of a list of ranges, which is known beforehand. A segment tree over the ranges in the order
/// of their beginnings holds in each node the furthest end of the members below it.
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

    std::vector<size_t> order_;      ///< by position in the order of beginnings: the index
    std::vector<size_t> position_;   ///< by index: the position
    std::vector<ByteRange> ranges_;  ///< by position
    size_t leaves_ = 1;
    std::vector<int64_t> ends_;  ///< by node: 1 is the root, the children of n are 2 n and 2 n + 1
};

}  // namespace gmc
