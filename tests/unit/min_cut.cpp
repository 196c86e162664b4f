// The least cut of a graph, where it is known.
#include "compiler/batch/min_cut.h"

#include "tests/catch.h"

using namespace gmc;

TEST_CASE("a graph is cut where that costs least", "[min_cut]") {
    // source -> a -> b -> sink, and source -> b: a path through `a` is cut at its thinnest edge.
    // Of two that cost the same, the one is taken that leaves fewer nodes to the sink.
    for (const auto& [to_a, to_b] : {std::pair{5, 9}, {9, 5}, {7, 7}}) {
        MinCut cut;
        const int a = cut.add_node(), b = cut.add_node();
        cut.add_edge(MinCut::kSource, a, to_a);
        cut.add_edge(a, b, to_b);
        cut.add_edge(MinCut::kSource, b, 1);
        cut.add_edge(b, MinCut::kSink, MinCut::kNever);
        const std::vector<bool> side = cut.sink_side();
        CHECK(side[static_cast<size_t>(a)] == (to_a < to_b));
        CHECK(side[static_cast<size_t>(b)]);
        CHECK(side[MinCut::kSink]);
        CHECK(!side[MinCut::kSource]);
    }
}

TEST_CASE("a flow that must be turned round finds the least cut", "[min_cut]") {
    // The shortest path through both middle nodes fills what two longer ones need.
    MinCut cut;
    const int a = cut.add_node(), b = cut.add_node(), c = cut.add_node(), d = cut.add_node();
    cut.add_edge(MinCut::kSource, a, 1);
    cut.add_edge(MinCut::kSource, c, 1);
    cut.add_edge(a, b, 1);
    cut.add_edge(c, b, 2);
    cut.add_edge(a, d, 3);
    cut.add_edge(b, MinCut::kSink, 1);
    cut.add_edge(d, MinCut::kSink, 3);
    const std::vector<bool> side = cut.sink_side();
    // 2 flow: 1 through `a`, and 1 through `b`, whose edge to the sink is cut.
    CHECK(side[static_cast<size_t>(a)]);
    CHECK(side[static_cast<size_t>(d)]);
    CHECK(!side[static_cast<size_t>(b)]);
    CHECK(!side[static_cast<size_t>(c)]);
}
