// How the shards of a batch (distribute.h) are shared by processes, and how they are added up. The
// shards are the leaves of a binary tree, (s0 + s1) + (s2 + s3), which is the same for any number
// of processes.
#pragma once

#include <cstdint>
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

}  // namespace gmc
