// The text of random graphs: the printed text can be read, and prints as the same text again.
#include <set>

#include "compiler/ir/text/parser.h"
#include "compiler/ir/text/printer.h"
#include "compiler/ir/verifier.h"
#include "compiler/pipeline.h"
#include "tests/catch.h"
#include "tests/numeric/random_graph/random_graph.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

namespace {

/// "", or what is wrong with printing `module` and reading it back.
std::string round_trip(const ir::Module& module) {
    const std::string text = ir::print(module);
    Diagnostics diagnostics;
    const auto parsed = ir::parse_module("random.gmc", text, diagnostics);
    if (!parsed.ok()) return diagnostics.render() + text;
    const std::string again = ir::print(*parsed);
    if (again == text) return "";
    size_t first = 0;
    while (text[first] == again[first]) ++first;
    const size_t line = text.rfind('\n', first) + 1;
    return "`" + text.substr(line, 80) + "` is read as `" + again.substr(line, 80) + "` in\n" +
           text;
}

std::string verify(const ir::Module& module, const ir::VerifyOptions& options = {}) {
    Diagnostics diagnostics;
    return ir::verify(module, diagnostics, options) ? "" : diagnostics.render() + ir::print(module);
}

}  // namespace

TEST_CASE("random graphs are well formed and survive printing and parsing") {
    for (uint64_t seed = 1; seed <= seed_count(200); ++seed) {
        const RandomGraph graph = random_graph(seed, {.gradients = seed % 2 == 0});
        INFO("seed " << seed);
        CHECK(verify(graph.module) == "");
        CHECK(round_trip(graph.module) == "");
    }
}

TEST_CASE("so do their differentiated, optimised and planned forms") {
    for (uint64_t seed = 1; seed <= seed_count(100); ++seed) {
        RandomGraph graph = random_graph(seed, {.gradients = seed % 2 == 0});
        INFO("seed " << seed);
        Diagnostics diagnostics;
        for (const passes::Stage& stage : pipeline()) {
            REQUIRE(passes::run_stages(graph.module, {stage}, {}, diagnostics).ok());
            CHECK(verify(graph.module, stage.ensures) == "");
            CHECK(round_trip(graph.module) == "");
        }
    }
}

TEST_CASE("one seed gives one graph, and a hundred graphs have every op") {
    CHECK(ir::print(random_graph(7).module) == ir::print(random_graph(7).module));
    // Those that come about otherwise: by fusion, by differentiation, and in tests/numeric/scan.
    std::set<std::string_view> seen{ir::Fused::kInfo.name, ir::AttentionGradient::kInfo.name,
                                    ir::Scan::kInfo.name, ir::Iteration::kInfo.name};
    for (uint64_t seed = 1; seed <= 100; ++seed) {
        const RandomGraph graph = random_graph(seed, {.gradients = true});
        for (const ir::Operation& op : graph.function().operations) seen.insert(op.info().name);
    }
#define GMC_OP(Name)            \
    INFO(ir::Name::kInfo.name); \
    CHECK(seen.count(ir::Name::kInfo.name) == 1);
#include "compiler/ir/op_kind.def"
#undef GMC_OP
}
