// Runs five updates of each optimizer and schedule, and compares them with those of Keras or
// PyTorch, of whichever has the name and the formula: from the same parameters, to 1e-4. The
// fixture is made by make_optimizers.py, so this test needs neither.
#include <fstream>
#include <memory>
#include <sstream>

#include "compiler/support/json.h"
#include "runtime/program/executable.h"
#include "tests/compile_model.h"
#include "tests/temporary_folder.h"

namespace gmc {
namespace {

/// The loss of make_optimizers.py.
std::string model_with(const std::string& optimizer) {
    return "model: t\ndata: {point: {synthetic: ring}}\n"
           "networks: {none: {inputs: {x: [6]}, layers: [identity]}}\n"
           "parameters: {p: {shape: [6]}}\n"
           "objective:\n  minimize: {networks: p, loss: '"
           "sum((1 + index(6)) / 2 * (p - index(6) / 3)^2 + p^4 / 4)'}\n"
           "train: {batch_size: 1, optimizer: " +
           optimizer + "}\n";
}

TEST_CASE("optimizers and schedules make the updates of Keras and PyTorch") {
    std::ifstream file(GMC_SOURCE_DIR "/tests/parity/optimizers/optimizers.json");
    std::ostringstream text;
    text << file.rdbuf();
    const Json fixture = Json::parse(text.str()).value();
    const TemporaryFolder folder;
    const size_t cases = fixture.at("cases").size();
    REQUIRE(cases > 20);
    for (size_t c = 0; c < cases; ++c) {
        const Json& one = fixture.at("cases").at(c);
        INFO(one.at("optimizer").text());
        std::ofstream(folder / "t.yaml") << model_with(one.at("optimizer").text());
        const ir::Module module = compile_file(folder / "t.yaml", {});
        runtime::StateStore states(module);
        Diagnostics diagnostics;
        REQUIRE(states.initialise(1, diagnostics));
        float* p = states.data(module.find_state("p.value"));
        for (size_t i = 0; i < 6; ++i)
            p[i] = static_cast<float>(fixture.at("start").at(i).number());
        auto step =
            runtime::Executable::make(module, *module.find_function("step"), states,
                                      std::make_shared<runtime::Arena>(module), {}, diagnostics);
        REQUIRE(step.ok());
        for (size_t t = 0; t < one.at("parameters").size(); ++t) {
            INFO("step " << t);
            step->run({1, static_cast<uint32_t>(t), static_cast<double>(t), 0});
            for (size_t i = 0; i < 6; ++i)
                CHECK(double{p[i]} ==
                      Approx(one.at("parameters").at(t).at(i).number()).epsilon(1e-4).margin(1e-5));
        }
    }
}

}  // namespace
}  // namespace gmc
