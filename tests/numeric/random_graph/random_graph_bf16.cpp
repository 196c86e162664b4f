// Random graphs lowered to bf16. The fast path is compared with the reference, which rounds where
// the graph says so, and with the graph in f32.
#include <algorithm>

#include "compiler/pipeline.h"
#include "tests/catch.h"
#include "tests/numeric/random_graph/random_graph.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

namespace {

bool has_bf16_contraction(const ir::Function& function) {
    return std::any_of(function.operations.begin(), function.operations.end(),
                       [&](const ir::Operation& op) {
                           return !op.operands.empty() && op.as<ir::Cast>() == nullptr &&
                                  function.type(op.operands[0]).dtype == ir::DType::kBf16;
                       });
}

void lower(RandomGraph& graph) {
    graph.module.compilation.precision = ir::DType::kBf16;
    Diagnostics diagnostics;
    REQUIRE(passes::run_stages(graph.module, pipeline(), {}, diagnostics).ok());
}

}  // namespace

TEST_CASE("random graphs in bf16, optimised and planned, agree with the reference") {
    int lowered = 0;
    for (uint64_t seed = 1; seed <= seed_count(150); ++seed) {
        RandomGraph graph = random_graph(seed, {.gradients = seed % 2 == 0});
        lower(graph);
        lowered += has_bf16_contraction(graph.function()) ? 1 : 0;
        INFO("seed " << seed);
        CHECK(graph.explained(compare_fast_path(graph.module, graph.function(), graph.run,
                                                kBf16Function)) == "");
    }
    CHECK(lowered > 20);  // the others have no contraction, or only ones of states
}

TEST_CASE("random graphs in bf16 are the graphs in f32, but for rounding") {
    for (uint64_t seed = 1; seed <= seed_count(60); ++seed) {
        RandomGraph graph = random_graph(seed, {.smooth = true});
        const RunOutputs expected = run_by_reference(graph.module, graph.function(), graph.run);
        lower(graph);
        INFO("seed " << seed);
        const RunOutputs found = run_by_executable(graph.module, graph.function(), graph.run);
        CHECK(graph.explained(difference(found, expected, kBf16Rounding)) == "");
    }
}
