// Gradients of random smooth graphs against differences along a random direction, to first and
// second order.
#include <fmt/format.h>

#include "compiler/ir/builder.h"
#include "compiler/ir/text/printer.h"
#include "compiler/passes/differentiate.h"
#include "tests/catch.h"
#include "tests/numeric/random_graph/random_graph.h"
#include "tests/numeric/test_random.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

namespace {

using ir::ValueId;

/// The inputs of real numbers. The third input has whole numbers, which serve as conditions and
/// must not move.
std::vector<ValueId> movable(const ir::Function& function) {
    return {function.inputs[0].value, function.inputs[1].value};
}

std::vector<ValueId> emit_gradient(ir::Function& function, ValueId f,
                                   const std::vector<ValueId>& x) {
    ir::Operation op{ir::Gradient{}, {f}, {}, {}, {}};
    for (ValueId id : x) {
        op.operands.push_back(id);
        op.results.push_back(function.add_value("", function.type(id)));
    }
    function.operations.push_back(op);
    return op.results;
}

/// Adds the result "f", which is the mean of the squares of all results, or with order 2 of its
/// gradient; and the results "g0", "g1", the gradient of f.
void add_objective(ir::Module& module, int order) {
    ir::Function& function = module.functions[0];
    ir::Builder b(module, function);
    const auto mean_square = [&](const std::vector<ValueId>& values) {
        ValueId total = b.constant(0);
        for (ValueId v : values)
            total = b.add(total, b.reduce_mean(b.mul(v, v), ir::all_axes(b.type(v).rank())));
        return total;
    };
    std::vector<ValueId> results;
    for (const ir::NamedValue& result : function.results) results.push_back(result.value);
    ValueId f = mean_square(results);
    if (order == 2) f = mean_square(emit_gradient(function, f, movable(function)));
    function.updates.clear();
    function.results = {{"f", f}};
    const auto gradients = emit_gradient(function, f, movable(function));
    for (size_t i = 0; i < gradients.size(); ++i)
        function.results.push_back({fmt::format("g{}", i), gradients[i]});
}

/// One random direction instead of every element, so the whole gradient is checked by four runs: a
/// wrong element changes the slope along almost every direction.
std::string check_direction(const RandomGraph& graph, uint64_t seed) {
    TestRandom random(seed);
    std::vector<std::vector<double>> direction;
    double slope = 0;
    const RunOutputs at = run_by_reference(graph.module, graph.function(), graph.run);
    for (size_t i = 0; i < 2; ++i) {
        auto& d = direction.emplace_back();
        for (double g : at.at(fmt::format("g{}", i))) {
            d.push_back(random.uniform(-1, 1));
            slope += g * d.back();
        }
    }
    const auto f_at = [&](double step) {
        RunInputs moved = graph.run;
        for (size_t i = 0; i < 2; ++i) {
            auto& x = moved.inputs.at(fmt::format("x{}", i));
            for (size_t k = 0; k < x.size(); ++k) x[k] += step * direction[i][k];
        }
        return run_by_reference(graph.module, graph.function(), moved).at("f")[0];
    };
    const auto central = [&](double h) { return (f_at(h) - f_at(-h)) / (2 * h); };
    const double h = 0x1p-11;
    const double expected = (4 * central(h / 2) - central(h)) / 3;
    // Also relative to f, whose rounding errors are part of the differences.
    const double scale = std::fmax(std::fabs(at.at("f")[0]), 1);
    return difference("directional derivative", {slope / scale}, {expected / scale}, kGradient);
}

}  // namespace

TEST_CASE("gradients of random smooth graphs agree with differences") {
    for (int order : {1, 2})
        for (uint64_t seed = 1; seed <= seed_count(100); ++seed) {
            RandomGraph graph =
                random_graph(seed, {.operations_low = 10, .operations_high = 40, .smooth = true});
            add_objective(graph.module, order);
            Diagnostics diagnostics;
            REQUIRE(passes::differentiate(graph.module, diagnostics).ok());
            INFO("seed " << seed << " order " << order);
            const std::string wrong = check_direction(graph, seed);
            CHECK((wrong.empty() ? "" : wrong + ir::print(graph.module)) == "");
        }
}
