// How the shards of a batch (distribute.h) are shared by processes, and how they are added up. The
// shards are the leaves of a binary tree, (s0 + s1) + (s2 + s3), which is the same for any number
// of processes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

namespace gmc {

/// The first shard of a process; for `rank` = `processes`, how many there are. Processes have
/// neighbouring shards, and no process has two more than another.
constexpr int64_t first_shard(int64_t shards, int64_t processes, int64_t rank) {
    return shards * rank / processes;
}

/// A node of the tree: the sum of shards [first, first + count). `count` is a power of two, which
/// divides `first`.
struct ShardNode {
    int64_t first = 0, count = 1;
};

/// The fewest nodes that shards [first, first + count) add up to, in order. A process whose number
/// divides that of the shards has one.
inline std::vector<ShardNode> shard_nodes(int64_t first, int64_t count) {
    std::vector<ShardNode> nodes;
    for (int64_t end = first + count; first < end; first += nodes.back().count) {
        int64_t size = 1;
        while (first % (2 * size) == 0 && first + 2 * size <= end) size *= 2;
        nodes.push_back({first, size});
    }
    return nodes;
}

/// Whether `right` follows `left`, and they are the halves of a node.
constexpr bool are_halves(const ShardNode& left, const ShardNode& right) {
    return left.count == right.count && left.first % (2 * left.count) == 0;
}

/// Some neighbouring numbers of a flat buffer.
struct NumberRange {
    int64_t begin = 0, end = 0;
    constexpr int64_t count() const { return end - begin; }
};

/// Where ranges that processes have begin, beside the first: multiples of so many numbers from the
/// beginning of what they share.
inline constexpr int64_t kRangeStep = 32;

/// The lower or upper half.
constexpr NumberRange half_of(const NumberRange& range, bool upper) {
    const int64_t middle = range.begin + range.count() / 2 / kRangeStep * kRangeStep;
    return upper ? NumberRange{middle, range.end} : NumberRange{range.begin, middle};
}

/// What process `rank` has of numbers that processes share. Where the number of processes is a
/// power of two, the lowest bit of the rank says which half it is in, the next bit which half of
/// that: so partners who exchange halves, as sums do, end with it.
constexpr NumberRange range_of(NumberRange all, int64_t processes, int64_t rank) {
    if ((processes & (processes - 1)) != 0) {
        const int64_t steps = all.count() / kRangeStep;
        const auto at = [&](int64_t r) {
            return r == processes ? all.end : all.begin + steps * r / processes * kRangeStep;
        };
        return {at(rank), at(rank + 1)};
    }
    for (int64_t bit = 1; bit < processes; bit *= 2) all = half_of(all, (rank & bit) != 0);
    return all;
}

/// A flat buffer that processes share: cut into buckets, which end at `ends`, of each of which each
/// process has a range. Buckets leave while what comes before them is computed; so all processes
/// have a part of each.
struct SharedBuffer {
    std::vector<int64_t> ends;
    int64_t processes = 1, rank = 0;

    int64_t numbers() const { return ends.empty() ? 0 : ends.back(); }
    /// What the process has, in order. These lie one behind the other in its part of the buffer.
    std::vector<NumberRange> own() const {
        std::vector<NumberRange> ranges;
        int64_t begin = 0;
        for (const int64_t end : ends) {
            ranges.push_back(range_of({begin, end}, processes, rank));
            begin = end;
        }
        return ranges;
    }
    int64_t own_numbers() const {
        int64_t numbers = 0;
        for (const NumberRange& range : own()) numbers += range.count();
        return numbers;
    }
    /// Whether it is a buffer with a bucket that is large enough for every process to have some.
    bool is_right() const {
        if (processes < 1 || rank < 0 || rank >= processes || ends.empty() || ends[0] < 1 ||
            std::adjacent_find(ends.begin(), ends.end(), std::greater_equal<>()) != ends.end())
            return false;
        int64_t largest = ends[0];
        for (size_t i = 1; i < ends.size(); ++i) largest = std::max(largest, ends[i] - ends[i - 1]);
        return processes == 1 || largest / (2 * kRangeStep) >= processes;
    }
};

}  // namespace gmc
