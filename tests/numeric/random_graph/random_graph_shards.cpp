// Random training steps in shards of the batch: whatever couples their examples, the numbers are
// those of the step as a whole, and any number of processes computes the same bits.
#include <algorithm>

#include "compiler/batch/process_share.h"
#include "compiler/ir/text/printer.h"
#include "compiler/ir/verifier.h"
#include "compiler/passes/differentiate.h"
#include "compiler/passes/memory/plan_memory.h"
#include "compiler/pipeline.h"
#include "compiler/support/shards.h"
#include "tests/catch.h"
#include "tests/numeric/random_graph/random_graph.h"
#include "tests/unit/program/thread_group.h"

using namespace gmc;           // NOLINT: tests
using namespace gmc::runtime;  // NOLINT
using namespace gmc::tests;    // NOLINT

namespace {

const ir::Function& step_of(const ir::Module& module) { return *module.find_function("f"); }

/// How many operations of the step are of a kind.
template <typename Op>
int64_t count_of(const ir::Module& module) {
    const auto& all = step_of(module).operations;
    return std::count_if(all.begin(), all.end(),
                         [](const ir::Operation& op) { return op.as<Op>() != nullptr; });
}

RandomGraph random_step(uint64_t seed) {
    const int64_t shards = seed % 3 == 0 ? 4 : 2;
    // Of long rows less is computed for the whole batch, since that would have to be sent.
    RandomGraph graph = random_graph(seed, {.most_elements = seed % 4 < 2 ? 60 : 2000,
                                            .gradients = seed % 2 == 0,
                                            .batch = seed % 5 == 0 ? 4 * shards : shards});
    Diagnostics diagnostics;
    REQUIRE(passes::differentiate(graph.module, diagnostics).ok());
    graph.module.compilation.shards = shards;
    return graph;
}

/// Compiles the step, in shards; to plan it, too, is up to the caller.
void compile(RandomGraph& graph) {
    Diagnostics diagnostics;
    const std::string before = ir::print(graph.module);
    const bool made = passes::run_stages(graph.module, pipeline_until("opt"), {}, diagnostics).ok();
    INFO("seed " << graph.seed << "\n" << diagnostics.render("") << before);
    REQUIRE(made);
}

/// The examples of some of the shards.
RunInputs part_of(const RunInputs& all, int64_t shards, int64_t first, int64_t end) {
    RunInputs part = all;
    for (auto& [name, numbers] : part.inputs) {
        const auto shard = static_cast<std::ptrdiff_t>(numbers.size()) / shards;
        numbers = {numbers.begin() + first * shard, numbers.begin() + end * shard};
    }
    return part;
}

}  // namespace

TEST_CASE("random training steps give the same numbers in shards") {
    int64_t gathers = 0, sums = 0, scans = 0;
    for (uint64_t seed = 1; seed <= seed_count(200); ++seed) {
        RandomGraph graph = random_step(seed);
        const RunOutputs expected = run_by_reference(graph.module, graph.function(), graph.run);
        compile(graph);
        INFO("seed " << seed << "\n" << ir::print(graph.module));
        CHECK(difference(run_by_reference(graph.module, step_of(graph.module), graph.run), expected,
                         kRewrite) == "");
        gathers += count_of<ir::AllGather>(graph.module);
        sums += count_of<ir::AllReduce>(graph.module);
        scans += count_of<ir::Scan>(graph.module);
    }
    CHECK(gathers > 100);
    CHECK(sums > 3);
    CHECK(scans > 100);
}

TEST_CASE("processes that share random training steps compute the same bits") {
    for (uint64_t seed = 1; seed <= seed_count(60); ++seed) {
        RandomGraph graph = random_step(seed);
        compile(graph);
        Diagnostics diagnostics;
        REQUIRE(passes::plan_memory(graph.module, diagnostics).ok());
        const RunOutputs alone = run_by_executable(graph.module, step_of(graph.module), graph.run);
        const auto shards = static_cast<int>(graph.module.compilation.shards);
        const int size = shards == 2 ? 2 : 3;
        std::vector<RunOutputs> together(static_cast<size_t>(size));
        in_group(size, [&](ProcessGroup& group) {
            ir::Module share = graph.module;
            const int rank = group.rank();
            if (!take_share(share, size, rank).empty()) return;
            const RunInputs part = part_of(graph.run, shards, first_shard(shards, size, rank),
                                           first_shard(shards, size, rank + 1));
            together[static_cast<size_t>(rank)] =
                run_by_executable(share, step_of(share), part, false, &group);
        });
        INFO("seed " << seed << "\n" << ir::print(graph.module));
        for (const RunOutputs& one : together) CHECK(one == alone);
    }
}
