// Adds up what the passes of a scan give (Scan::sums).
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/support/shards.h"

namespace gmc::runtime {

/// One result of a scan that is the sum over its passes: the leaves of a binary tree,
/// (p0 + p1) + (p2 + p3). They are added up as they come, so that only a sum of 1, of 2, of 4, ...
/// passes is kept until its partner is there. Passes that are no node of the tree have several
/// sums.
class PassSum {
  public:
    /// `each`: where a pass leaves its numbers. `kept`: room for ir::sums_kept() sums. `sum`: room
    /// for a sum of each of `nodes`, one behind the other.
    PassSum(const float* each, std::vector<float*> kept, float* sum, int64_t elements, bool rounded,
            std::vector<ShardNode> nodes);
    /// Elements [begin, begin + elements) alone.
    PassSum part(int64_t begin, int64_t elements) const;
    /// Takes what the next pass has left. After the last one the sum is there.
    void add(int64_t pass);

    float* sum(size_t node = 0) const { return sum_ + static_cast<int64_t>(node) * stride_; }
    size_t nodes() const { return nodes_.size(); }
    int64_t stride() const { return stride_; }
    int64_t elements() const { return elements_; }
    bool rounded() const { return rounded_; }

  private:
    float* place(size_t node, int level) const;

    const float* each_;
    std::vector<float*> kept_;
    float* sum_;
    int64_t elements_;
    bool rounded_;
    std::vector<ShardNode> nodes_;
    int64_t stride_;  ///< elements from one sum to the next
    int threads_;
};

}  // namespace gmc::runtime
