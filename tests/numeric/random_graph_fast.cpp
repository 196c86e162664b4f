// Random graphs on the fast path against the reference: op by op, fused, and with planned memory.
#include "compiler/ir/printer.h"
#include "compiler/passes/cse.h"
#include "compiler/passes/dce.h"
#include "compiler/passes/differentiate.h"
#include "compiler/passes/fold_constants.h"
#include "compiler/passes/fuse_elementwise.h"
#include "compiler/passes/plan_memory.h"
#include "compiler/passes/simplify.h"
#include "tests/catch.h"
#include "tests/numeric/random_graph.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

namespace {

RandomGraph differentiated_graph(uint64_t seed, int64_t most_elements = 60) {
    RandomGraph graph = random_graph(seed, {.most_elements = most_elements, .gradients = seed % 4 == 0});
    Diagnostics diagnostics;
    REQUIRE(passes::differentiate(graph.module, diagnostics).ok());
    return graph;
}

void fuse_and_plan(ir::Module& module) {
    Diagnostics diagnostics;
    for (auto pass : {passes::fold_constants, passes::simplify, passes::cse, passes::dce, passes::fuse_elementwise,
                      passes::plan_memory})
        REQUIRE(pass(module, diagnostics).ok());
}

/// "" or the difference and the IR.
std::string with_text(std::string difference, const RandomGraph& graph) {
    return difference.empty() ? "" : difference + ir::print(graph.module);
}

}  // namespace

TEST_CASE("fast kernels on random graphs, op by op") {
    for (uint64_t seed = 1; seed <= seed_count(150); ++seed) {
        const RandomGraph graph = differentiated_graph(seed);
        INFO("seed " << seed);
        CHECK(with_text(compare_fast_path(graph.module, graph.function(), graph.run), graph) == "");
    }
}

TEST_CASE("fast kernels on random graphs, fused and planned") {
    for (uint64_t seed = 1; seed <= seed_count(150); ++seed) {
        RandomGraph graph = differentiated_graph(seed);
        fuse_and_plan(graph.module);
        INFO("seed " << seed);
        CHECK(with_text(compare_fast_path(graph.module, graph.function(), graph.run), graph) == "");
    }
}

TEST_CASE("fast kernels on random graphs of large values, plain and fused and planned") {
    for (uint64_t seed = 1; seed <= seed_count(40); ++seed) {
        RandomGraph graph = differentiated_graph(seed, 4000);
        INFO("seed " << seed);
        CHECK(with_text(compare_fast_path(graph.module, graph.function(), graph.run), graph) == "");
        fuse_and_plan(graph.module);
        CHECK(with_text(compare_fast_path(graph.module, graph.function(), graph.run), graph) == "");
    }
}

TEST_CASE("the reference on planned memory: no value is overwritten while it is needed") {
    for (uint64_t seed = 1; seed <= seed_count(150); ++seed) {
        RandomGraph graph = differentiated_graph(seed);
        const RunOutputs expected = run_by_reference(graph.module, graph.function(), graph.run);
        fuse_and_plan(graph.module);
        INFO("seed " << seed);
        const RunOutputs found = run_by_executable(graph.module, graph.function(), graph.run, true);
        CHECK(with_text(difference(found, expected, kFastFunction), graph) == "");
    }
}
