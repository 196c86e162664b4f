// Passes keep the meaning of random graphs: the double reference gives the same numbers before and
// after.
#include <algorithm>

#include "compiler/ir/text/printer.h"
#include "compiler/ir/verifier.h"
#include "compiler/pipeline.h"
#include "tests/catch.h"
#include "tests/numeric/random_graph/random_graph.h"
#include "tests/numeric/test_random.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

namespace {

using passes::Pass;

/// The passes of the stages that are repeated; they may run in any order and number.
std::vector<Pass> rewriting_passes() {
    std::vector<Pass> list;
    for (const passes::Stage& stage : pipeline())
        if (stage.most_rounds > 1)
            list.insert(list.end(), stage.passes.begin(), stage.passes.end());
    return list;
}

Pass pass_named(std::string_view name) {
    const std::vector<Pass> all = all_passes();
    return *std::find_if(all.begin(), all.end(),
                         [&](const Pass& pass) { return pass.name == name; });
}

RandomGraph differentiated_graph(uint64_t seed) {
    RandomGraph graph = random_graph(seed, {.gradients = seed % 2 == 0});
    Diagnostics diagnostics;
    REQUIRE(pass_named("differentiate").function(graph.module, diagnostics).ok());
    return graph;
}

/// Runs the passes one after another: "", or the first one that broke the module or changed its
/// numbers.
std::string check_passes(RandomGraph& graph, const std::vector<Pass>& list) {
    const RunOutputs expected = run_by_reference(graph.module, graph.function(), graph.run);
    for (const Pass& pass : list) {
        const std::string before = ir::print(graph.module);
        Diagnostics diagnostics;
        const auto changed = pass.function(graph.module, diagnostics);
        const std::string after = ir::print(graph.module);
        std::string wrong;
        if (!changed.ok())
            wrong = "failed\n";
        else if (*changed != (before != after))
            wrong = "says changed = " + std::to_string(*changed) + "\n";
        const bool planned = graph.function().arena_bytes != ir::kNone;
        if (wrong.empty() &&
            !ir::verify(graph.module, diagnostics, {.allow_gradient = false, .planned = planned}))
            wrong = "broke the module\n";
        if (wrong.empty())
            wrong = difference(run_by_reference(graph.module, graph.function(), graph.run),
                               expected, kRewrite);
        if (!wrong.empty())
            return std::string(pass.name) + ": " + wrong + diagnostics.render() + "before:\n" +
                   before + "after:\n" + after;
    }
    return "";
}

}  // namespace

TEST_CASE("each pass alone keeps the meaning of random graphs") {
    for (const Pass& pass : all_passes())
        for (uint64_t seed = 1; seed <= seed_count(60); ++seed) {
            RandomGraph graph = differentiated_graph(seed);
            INFO("seed " << seed);
            CHECK(check_passes(graph, {pass}) == "");
        }
}

TEST_CASE("passes in random orders keep the meaning of random graphs") {
    for (uint64_t seed = 1; seed <= seed_count(150); ++seed) {
        RandomGraph graph = differentiated_graph(seed);
        TestRandom random(seed);
        std::vector<Pass> list;
        for (int i = 0; i < 12; ++i) list.push_back(random.pick(rewriting_passes()));
        list.push_back(pass_named("fuse_elementwise"));
        list.push_back(pass_named("plan_memory"));
        INFO("seed " << seed);
        CHECK(check_passes(graph, list) == "");
    }
}

TEST_CASE("running the rewriting passes round after round ends") {
    for (uint64_t seed = 1; seed <= seed_count(60); ++seed) {
        RandomGraph graph = differentiated_graph(seed);
        INFO("seed " << seed);
        bool changed = true;
        int rounds = 0;
        for (; changed && rounds < 30; ++rounds) {
            changed = false;
            for (const Pass& pass : rewriting_passes()) {
                Diagnostics diagnostics;
                const auto result = pass.function(graph.module, diagnostics);
                REQUIRE(result.ok());
                changed |= *result;
            }
        }
        CHECK(rounds < 30);
    }
}

TEST_CASE(
    "the whole pipeline keeps the meaning of random graphs, and has nothing to add to its result") {
    for (uint64_t seed = 1; seed <= seed_count(60); ++seed) {
        RandomGraph graph = differentiated_graph(seed);
        INFO("seed " << seed);
        const RunOutputs expected = run_by_reference(graph.module, graph.function(), graph.run);
        Diagnostics diagnostics;
        const auto stages = pipeline_until("opt");
        REQUIRE(passes::run_stages(graph.module, stages, {}, diagnostics).ok());
        const std::string once = ir::print(graph.module);
        const std::string wrong = difference(
            run_by_reference(graph.module, graph.function(), graph.run), expected, kRewrite);
        CHECK((wrong.empty() ? "" : wrong + once) == "");
        REQUIRE(passes::run_stages(graph.module, stages, {}, diagnostics).ok());
        CHECK(ir::print(graph.module) == once);
        const std::string again = difference(
            run_by_reference(graph.module, graph.function(), graph.run), expected, kRewrite);
        CHECK((again.empty() ? "" : again + once) == "");
    }
}
