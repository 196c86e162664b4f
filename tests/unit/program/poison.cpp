// Poisoned memory: good plans run as before, and a wrong one shows in the results.
#include <cmath>
#include <cstring>

#include "compiler/ir/text/parser.h"
#include "compiler/ir/verifier.h"
#include "runtime/program/executable.h"
#include "tests/compile_model.h"
#include "tests/run_all.h"

using namespace gmc;
using namespace gmc::runtime;

namespace {

std::vector<float> computed(const ir::Module& module, bool poison) {
    Diagnostics diagnostics;
    StateStore states(module);
    REQUIRE(states.initialise(1, diagnostics));
    ExecutableOptions options;
    options.poison = poison;
    return run_all(module, states, options);
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

bool any_nan(const std::vector<float>& numbers) {
    return std::any_of(numbers.begin(), numbers.end(), [](float x) { return std::isnan(x); });
}

/// A product of two products that are alive at the same time, `%early` at byte 0 and `%late` at
/// `late_at`, which `%copy` reads before `%early` is read again.
ir::Module two_values(int64_t late_at) {
    Diagnostics diagnostics;
    auto module = ir::parse_module("two.gmc",
                                   fmt::format(R"(gmc 2
model "two"
func @f(%x: f32[64,64] at 65536 = argument) arena 81920 unplanned 81920 {{
  %early = matmul %x, %x : f32[64,64] at 0
  %late = matmul %x, %x : f32[64,64] at {}
  %copy = transpose %late {{permutation=[1,0]}} : f32[64,64] at 32768
  %sum = matmul %early, %copy : f32[64,64] at 49152
  result sum = %sum
}}
)",
                                               late_at),
                                   diagnostics);
    INFO(diagnostics.render());
    REQUIRE(module.ok());
    return module.take();
}

}  // namespace

TEST_CASE("with poison, sound plans compute the same bits", "[poison]") {
    for (const char* precision : {"f32", "bf16"})
        for (const ir::Module& module :
             {compile_model("r1_grid", {"train.batch_size=8"}, precision),
              compile_model("shapes_vae", {"train.batch_size=2"}, precision),
              compile_without_data("vq_vae", 2, precision),
              compile_without_data("hinge_sn", 2, precision)}) {
            INFO(module.name << " in " << precision);
            CHECK(same_bits(computed(module, true), computed(module, false)));
        }
}

TEST_CASE("with poison, a plan that gives memory away too early ends in NaN", "[poison]") {
    const ir::Module good = two_values(16384), wrong = two_values(0);
    const auto accepted = [](const ir::Module& module) {
        Diagnostics diagnostics;
        return ir::verify(module, diagnostics, {.planned = true});
    };
    CHECK(accepted(good));
    CHECK_FALSE(accepted(wrong));
    CHECK_FALSE(any_nan(computed(good, true)));
    // Both values are x * x: without poison the wrong plan gives the right numbers.
    CHECK(same_bits(computed(wrong, false), computed(good, false)));
    CHECK(any_nan(computed(wrong, true)));
}
