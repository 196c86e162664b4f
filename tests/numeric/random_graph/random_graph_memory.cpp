// Random graphs under a memory limit: some values are computed twice, and nothing else changes.
#include "compiler/ir/text/printer.h"
#include "compiler/ir/verifier.h"
#include "compiler/passes/differentiate.h"
#include "compiler/passes/memory/plan_memory.h"
#include "compiler/passes/memory/recompute.h"
#include "compiler/pipeline.h"
#include "tests/catch.h"
#include "tests/numeric/random_graph/random_graph.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

namespace {

/// The smallest arena for which `recompute` finds a solution, among multiples of 64 bytes that are
/// at least three quarters of the function's arena; that arena's own size when there is none.
int64_t lower_arena(ir::Module& module) {
    const int64_t bytes = passes::arena_bytes_of(module, module.functions[0]);
    for (int64_t limit = bytes * 3 / 4 / 64 * 64; limit < bytes; limit += 64) {
        ir::Module limited = module;
        limited.compilation.memory_limit = limit;
        Diagnostics diagnostics;
        if (!passes::recompute(limited, diagnostics).ok()) continue;
        module = limited;
        return limit;
    }
    return bytes;
}

}  // namespace

TEST_CASE("random graphs under a memory limit give the same numbers") {
    int limited = 0;
    for (uint64_t seed = 1; seed <= seed_count(100); ++seed) {
        RandomGraph graph = random_graph(seed, {.gradients = seed % 2 == 0});
        Diagnostics diagnostics;
        REQUIRE(passes::run_stages(graph.module, pipeline_until("opt"), {}, diagnostics).ok());
        const RunOutputs expected = run_by_reference(graph.module, graph.function(), graph.run);
        const int64_t before = passes::arena_bytes_of(graph.module, graph.function());
        const int64_t limit = lower_arena(graph.module);
        const bool good = ir::verify(graph.module, diagnostics, {.allow_gradient = false});
        INFO("seed " << seed << "\n" << diagnostics.render("") << ir::print(graph.module));
        REQUIRE(good);
        REQUIRE(passes::plan_memory(graph.module, diagnostics).ok());
        REQUIRE(ir::verify(graph.module, diagnostics, {.allow_gradient = false, .planned = true}));
        CHECK(graph.function().arena_bytes <= limit);
        limited += graph.function().arena_bytes < before ? 1 : 0;
        CHECK(difference(run_by_executable(graph.module, graph.function(), graph.run, true),
                         expected, kFastFunction) == "");
        CHECK(difference(run_by_reference(graph.module, graph.function(), graph.run), expected,
                         kRewrite) == "");
    }
    CHECK(limited > 3);
}
