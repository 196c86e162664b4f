// The first five training steps of the seed's models against PyTorch, from the same weights, data
// and noise: every loss to 1e-4 relative. Fixtures are numbers made by make_fixtures.py; nothing
// else of PyTorch is needed to run this.
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "runtime/kernels/philox.h"
#include "runtime/program/executable.h"
#include "tests/compile_model.h"

namespace gmc {
namespace {

constexpr double kRelative = 1e-4;
/// Where PyTorch in f32 and in f64 differ by more than that themselves (a KL divergence near zero),
/// their gap counts.
constexpr double kGapsAllowed = 4;

/// Element i of step t: a uniform number of the fixture's stream, scaled into the range of the
/// model's data.
void fill_image(const nlohmann::json& fixture, int64_t step, double low, double high, float* data,
                int64_t elements) {
    for (int64_t i = 0; i < elements; ++i) {
        const float u = runtime::philox_uniform(
            runtime::philox_word(static_cast<uint64_t>(i), static_cast<uint32_t>(step),
                                 fixture.at("data_stream"), fixture.at("data_seed")));
        data[i] = static_cast<float>(low) + u * static_cast<float>(high - low);
    }
}

void check_losses(const nlohmann::json& fixture, size_t step, const runtime::Executable& run) {
    for (const auto& [name, value] : fixture.at("losses")[step].items()) {
        const float* found = run.result(name);
        if (found == nullptr) found = run.result(name + "_loss");
        INFO("step " << step << " " << name);
        REQUIRE(found != nullptr);
        const double expected = value, exact = fixture.at("losses_float64")[step].at(name);
        const double allowed =
            std::max(kRelative * std::fabs(exact), kGapsAllowed * std::fabs(exact - expected));
        CHECK(std::fabs(*found - exact) <= allowed);
    }
}

void compare(const std::string& model, double low, double high, bool reference) {
    std::ifstream file(std::string(GMC_SOURCE_DIR) + "/tests/parity/" + model + ".json");
    const auto fixture = nlohmann::json::parse(file);
    const ir::Module module = compile_without_data(model, fixture.at("batch"));
    Diagnostics diagnostics;
    runtime::StateStore states(module);
    REQUIRE(states.initialise(fixture.at("seed"), diagnostics));
    auto arena = std::make_shared<runtime::Arena>(module);
    auto run = runtime::Executable::make(module, *module.find_function("step"), states, arena,
                                         {reference}, diagnostics);
    INFO(diagnostics.render());
    REQUIRE(run.ok());
    for (size_t step = 0; step < fixture.at("losses").size(); ++step) {
        fill_image(fixture, static_cast<int64_t>(step), low, high, run->input("image"),
                   run->input_type(0).elements());
        run->run({fixture.at("seed"), static_cast<uint32_t>(step), static_cast<double>(step), 0});
        check_losses(fixture, step, *run);
    }
}

TEST_CASE("vae_mlp steps like PyTorch") { compare("vae_mlp", 0, 1, false); }
TEST_CASE("seed_vae steps like PyTorch") { compare("seed_vae", 0, 1, false); }
TEST_CASE("seed_gan steps like PyTorch") { compare("seed_gan", -1, 1, false); }
// The plain loops are slow; one model shows that they agree too.
TEST_CASE("vae_mlp in plain loops steps like PyTorch") { compare("vae_mlp", 0, 1, true); }

}  // namespace
}  // namespace gmc
