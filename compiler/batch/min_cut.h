// Cuts a directed graph in two where that costs least.
#pragma once

#include <cstdint>
#include <vector>

namespace gmc {

/// Each node is on the side of the source or on that of the sink. An edge costs its capacity where
/// it leads from the former to the latter.
class MinCut {
  public:
    static constexpr int kSource = 0, kSink = 1;
    static constexpr int64_t kNever = int64_t{1} << 60;  ///< what must not be cut

    int add_node();
    void add_edge(int from, int to, int64_t capacity);
    /// By node: whether it is on the side of the sink, where the cut costs least. Where several
    /// cost as little, it is the one with the fewest nodes there. Called once.
    std::vector<bool> sink_side();

  private:
    /// An edge with what may still flow through it. Its way back is the next or the one before.
    struct Edge {
        int to;
        int64_t capacity;
    };
    bool push();

    std::vector<Edge> edges_;
    std::vector<std::vector<int>> of_node_{{}, {}};  ///< the edges that begin at it
};

}  // namespace gmc
