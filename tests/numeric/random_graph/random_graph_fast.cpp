// Random graphs on the fast path against the reference: op by op, fused, and with planned memory.
#include "compiler/passes/differentiate.h"
#include "compiler/pipeline.h"
#include "tests/catch.h"
#include "tests/numeric/random_graph/random_graph.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

namespace {

RandomGraph graph_to_optimise(uint64_t seed, int64_t most_elements = 60) {
    RandomGraph graph =
        random_graph(seed, {.most_elements = most_elements, .gradients = seed % 4 == 0});
    Diagnostics diagnostics;
    REQUIRE(passes::differentiate(graph.module, diagnostics).ok());
    return graph;
}

void optimise(RandomGraph& graph) {
    Diagnostics diagnostics;
    REQUIRE(passes::run_stages(graph.module, pipeline(), {}, diagnostics).ok());
}

}  // namespace

TEST_CASE("fast kernels on random graphs, op by op") {
    for (uint64_t seed = 1; seed <= seed_count(150); ++seed) {
        const RandomGraph graph = graph_to_optimise(seed);
        INFO("seed " << seed);
        CHECK(graph.explained(compare_fast_path(graph.module, graph.function(), graph.run)) == "");
    }
}

TEST_CASE("fast kernels on random graphs, optimised and planned") {
    for (uint64_t seed = 1; seed <= seed_count(150); ++seed) {
        RandomGraph graph = graph_to_optimise(seed);
        optimise(graph);
        INFO("seed " << seed);
        CHECK(graph.explained(compare_fast_path(graph.module, graph.function(), graph.run)) == "");
    }
}

TEST_CASE("fast kernels on random graphs of large values, plain and optimised and planned") {
    for (uint64_t seed = 1; seed <= seed_count(40); ++seed) {
        RandomGraph graph = graph_to_optimise(seed, 4000);
        INFO("seed " << seed);
        CHECK(graph.explained(compare_fast_path(graph.module, graph.function(), graph.run)) == "");
        optimise(graph);
        CHECK(graph.explained(compare_fast_path(graph.module, graph.function(), graph.run)) == "");
    }
}

TEST_CASE("the reference on planned memory: no value is overwritten while it is needed") {
    for (uint64_t seed = 1; seed <= seed_count(150); ++seed) {
        RandomGraph graph = graph_to_optimise(seed);
        const RunOutputs expected = run_by_reference(graph.module, graph.function(), graph.run);
        optimise(graph);
        INFO("seed " << seed);
        const RunOutputs found = run_by_executable(graph.module, graph.function(), graph.run, true);
        CHECK(graph.explained(difference(found, expected, kFastFunction)) == "");
    }
}
