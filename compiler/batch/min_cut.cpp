// The least cut costs what can flow from the source to the sink (Ford and Fulkerson 1956). Shortest
// paths are filled first (Edmonds and Karp 1972).
#include "compiler/batch/min_cut.h"

#include <algorithm>

namespace gmc {

int MinCut::add_node() {
    of_node_.emplace_back();
    return static_cast<int>(of_node_.size()) - 1;
}

void MinCut::add_edge(int from, int to, int64_t capacity) {
    of_node_[from].push_back(static_cast<int>(edges_.size()));
    edges_.push_back({to, capacity});
    of_node_[to].push_back(static_cast<int>(edges_.size()));
    edges_.push_back({from, 0});
}

/// Fills one path. False = there is none.
bool MinCut::push() {
    std::vector<int> by(of_node_.size(), -1);  // the edge that a node is reached by
    std::vector<int> reached{kSource};
    for (size_t i = 0; i < reached.size() && by[kSink] < 0; ++i)
        for (const int e : of_node_[reached[i]]) {
            const int to = edges_[e].to;
            if (edges_[e].capacity == 0 || to == kSource || by[to] >= 0) continue;
            by[to] = e;
            reached.push_back(to);
        }
    if (by[kSink] < 0) return false;
    int64_t flow = kNever;
    for (int node = kSink; node != kSource; node = edges_[by[node] ^ 1].to)
        flow = std::min(flow, edges_[by[node]].capacity);
    for (int node = kSink; node != kSource; node = edges_[by[node] ^ 1].to) {
        edges_[by[node]].capacity -= flow;
        edges_[by[node] ^ 1].capacity += flow;
    }
    return true;
}

std::vector<bool> MinCut::sink_side() {
    while (push()) {
    }
    std::vector<bool> side(of_node_.size(), false);
    std::vector<int> reached{kSink};
    side[kSink] = true;
    for (size_t i = 0; i < reached.size(); ++i)
        for (const int e : of_node_[reached[i]]) {
            const int from = edges_[e].to;
            if (edges_[e ^ 1].capacity == 0 || side[from]) continue;
            side[from] = true;
            reached.push_back(from);
        }
    return side;
}

}  // namespace gmc
