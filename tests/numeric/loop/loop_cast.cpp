// The op `cast`: rounds to the nearest bf16, ties to even, whatever loop and memory it is in.
#include <bit>
#include <cmath>
#include <limits>

#include "compiler/ir/text/parser.h"
#include "compiler/passes/fuse_elementwise.h"
#include "compiler/passes/memory/plan_memory.h"
#include "tests/catch.h"
#include "tests/numeric/loop/loop_targets.h"
#include "tests/numeric/reference_comparison.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

namespace {

/// By arithmetic: eight bits of the significand are kept.
double nearest_bf16(double x) {
    if (x == 0 || !std::isfinite(x)) return x;
    int exponent = 0;
    std::frexp(x, &exponent);
    const double unit = std::ldexp(1.0, std::max(exponent, -125) - 8);
    const double rounded = std::nearbyint(x / unit) * unit;
    return std::fabs(rounded) >= 0x1p128 ? std::copysign(INFINITY, x) : rounded;
}

/// Ties, their neighbours, limits. No subnormal numbers, which are flushed to zero everywhere.
std::vector<double> special_numbers() {
    std::vector<double> all = {0,
                               1,
                               0x1p-126,
                               0x1.01p-126,
                               INFINITY,
                               0x1.FEp127,
                               0x1.FFp127,
                               0x1.FEFFFEp127,
                               std::numeric_limits<float>::max()};
    for (double tie : {1 + 0x1p-8, 1 + 3 * 0x1p-8, 0x1.FFp3, 0x1.01p-100})
        for (int side : {-1, 0, 1}) all.push_back(tie + side * 0x1p-20 * tie);
    const size_t count = all.size();
    for (size_t i = 0; i < count; ++i) all.push_back(-all[i]);
    return all;
}

ir::Module parsed(const std::string& body, const std::string& shape) {
    std::string text = "gmc 2\nmodel \"t\"\nfunc @f(%x: f32[@] = argument) {\n" + body + "}\n";
    for (size_t at; (at = text.find('@', text.find("@f") + 2)) != std::string::npos;)
        text.replace(at, 1, shape);
    Diagnostics diagnostics;
    auto module = ir::parse_module("t.gmc", text, diagnostics);
    INFO(diagnostics.render());
    REQUIRE(module.ok());
    return module.take();
}

constexpr const char* kThereAndBack = R"(
  %n = cast %x : bf16[@]
  %y = cast %n : f32[@]
  result y = %y
)";

/// The bf16 value passes from one loop to another, is read in its own loop, and is written and read
/// in memory that is reused.
constexpr const char* kManyWays = R"(
  %a = add %x, %x : f32[@]
  %n = cast %a : bf16[@]
  %w = cast %n : f32[@]
  %b = mul %w, %x : f32[@]
  %m = cast %b : bf16[@]
  %v = cast %m : f32[@]
  %s = add %v, %w : f32[@]
  %k = cast %s : bf16[@]
  %u = cast %k : f32[@]
  %y = sub %u, %v : f32[@]
  result y = %y
  result n = %w
)";

/// The two casts in separate ops or in one loop, where they are joined.
ir::Module there_and_back(const std::string& shape, bool in_one_loop) {
    ir::Module module = parsed(kThereAndBack, shape);
    Diagnostics diagnostics;
    if (in_one_loop) REQUIRE(passes::fuse_elementwise(module, diagnostics).ok());
    return module;
}

RunInputs inputs_of(const ir::Module& module, const std::vector<double>& numbers) {
    RunInputs inputs = random_inputs(module, module.functions[0], 3);
    std::vector<double>& x = inputs.inputs.at("x");
    for (size_t i = 0; i < x.size(); ++i)
        x[i] = numbers.empty() ? double{static_cast<float>(x[i])} : numbers[i % numbers.size()];
    return inputs;
}

}  // namespace

TEST_CASE("casts round to the nearest bf16, ties to even, on every SIMD target") {
    const std::vector<double> numbers = special_numbers();
    for_each_simd_target([&] {
        for (const char* shape :
             {"1", "15", "67", "1031", "1 fused", "15 fused", "67 fused", "1031 fused"}) {
            INFO(shape);
            const std::string text = shape;
            const ir::Module module =
                there_and_back(text.substr(0, text.find(' ')), text.find(' ') != std::string::npos);
            const RunInputs inputs = inputs_of(module, numbers);
            const RunOutputs found = run_by_executable(module, module.functions[0], inputs);
            const RunOutputs expected = run_by_reference(module, module.functions[0], inputs);
            for (size_t i = 0; i < found.at("y").size(); ++i) {
                INFO(inputs.inputs.at("x")[i]);
                CHECK(found.at("y")[i] == nearest_bf16(inputs.inputs.at("x")[i]));
                CHECK(expected.at("y")[i] == nearest_bf16(inputs.inputs.at("x")[i]));
            }
        }
    });
}

TEST_CASE("a cast NaN is NaN") {
    for (const bool in_one_loop : {false, true}) {
        const ir::Module module = there_and_back("33", in_one_loop);
        // The last number has bits in its lower half only, which rounding may drop.
        for (uint32_t bits : {0x7FC00000u, 0xFFC00000u, 0x7F800001u}) {
            const RunInputs inputs = inputs_of(module, {std::bit_cast<float>(bits)});
            const RunOutputs found = run_by_executable(module, module.functions[0], inputs),
                             expected = run_by_reference(module, module.functions[0], inputs);
            for (double y : found.at("y")) CHECK(std::isnan(y));
            for (double y : expected.at("y")) CHECK(std::isnan(y));
        }
    }
}

TEST_CASE("casts between loops, inside loops and over old memory agree with the reference") {
    for_each_simd_target([] {
        for (const char* shape : {"", "1", "16", "1031", "70001", "3,1100", "37,5", "50,31,16"}) {
            ir::Module module = parsed(kManyWays, shape);
            const RunInputs inputs = inputs_of(module, {});
            INFO(shape);
            const auto check = [&] {
                CHECK(compare_fast_path(module, module.functions[0], inputs, kExact) == "");
                const RunOutputs plain =
                    run_by_executable(module, module.functions[0], inputs, true);
                CHECK(difference(plain, run_by_reference(module, module.functions[0], inputs),
                                 kExact) == "");
            };
            Diagnostics diagnostics;
            REQUIRE(passes::plan_memory(module, diagnostics).ok());
            check();
            REQUIRE(passes::fuse_elementwise(module, diagnostics).ok());
            REQUIRE(passes::plan_memory(module, diagnostics).ok());
            check();
        }
    });
}
