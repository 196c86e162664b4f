// Passes keep the meaning of random graphs: the double reference gives the same numbers before and after.
#include "compiler/ir/printer.h"
#include "compiler/ir/verifier.h"
#include "compiler/passes/cse.h"
#include "compiler/passes/dce.h"
#include "compiler/passes/differentiate.h"
#include "compiler/passes/factor_sums.h"
#include "compiler/passes/fold_constants.h"
#include "compiler/passes/fuse_elementwise.h"
#include "compiler/passes/plan_memory.h"
#include "compiler/passes/simplify.h"
#include "compiler/passes/sink_shapes.h"
#include "tests/catch.h"
#include "tests/numeric/random_graph.h"
#include "tests/numeric/test_random.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

namespace {

struct NamedPass {
    std::string name;
    Result<bool> (*run)(ir::Module&, Diagnostics&);
};

/// Rewriting passes, which may run in any order and number.
const std::vector<NamedPass> kRewriting = {
    {"cse", passes::cse},           {"dce", passes::dce},
    {"factor_sums", passes::factor_sums}, {"fold_constants", passes::fold_constants},
    {"simplify", passes::simplify}, {"sink_shapes", passes::sink_shapes},
};

RandomGraph differentiated_graph(uint64_t seed) {
    RandomGraph graph = random_graph(seed, {.gradients = seed % 2 == 0});
    Diagnostics diagnostics;
    REQUIRE(passes::differentiate(graph.module, diagnostics).ok());
    return graph;
}

/// Runs the passes one after another; "" or the first of them that broke the module or changed its numbers.
std::string check_passes(RandomGraph& graph, const std::vector<NamedPass>& list) {
    const RunOutputs expected = run_by_reference(graph.module, graph.function(), graph.run);
    for (const NamedPass& pass : list) {
        const std::string before = ir::print(graph.module);
        Diagnostics diagnostics;
        const auto changed = pass.run(graph.module, diagnostics);
        const std::string after = ir::print(graph.module);
        std::string wrong;
        if (!changed.ok()) wrong = "failed\n";
        else if (*changed != (before != after)) wrong = "says changed = " + std::to_string(*changed) + "\n";
        const bool planned = graph.function().arena_bytes != ir::kNone;
        if (wrong.empty() && !ir::verify(graph.module, diagnostics, {.allow_gradient = false, .planned = planned}))
            wrong = "broke the module\n";
        if (wrong.empty()) wrong = difference(run_by_reference(graph.module, graph.function(), graph.run), expected, kRewrite);
        if (!wrong.empty())
            return pass.name + ": " + wrong + diagnostics.render() + "before:\n" + before + "after:\n" + after;
    }
    return "";
}

}  // namespace

TEST_CASE("each pass alone keeps the meaning of random graphs") {
    std::vector<NamedPass> all = kRewriting;
    all.push_back({"fuse_elementwise", passes::fuse_elementwise});
    for (const NamedPass& pass : all)
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
        std::vector<NamedPass> list;
        for (int i = 0; i < 12; ++i) list.push_back(random.pick(kRewriting));
        list.push_back({"fuse_elementwise", passes::fuse_elementwise});
        list.push_back({"plan_memory", passes::plan_memory});
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
            for (const NamedPass& pass : kRewriting) {
                Diagnostics diagnostics;
                const auto result = pass.run(graph.module, diagnostics);
                REQUIRE(result.ok());
                changed |= *result;
            }
        }
        CHECK(rounds < 30);
    }
}
