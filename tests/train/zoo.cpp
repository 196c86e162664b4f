// Papers written in the language alone, tests/zoo: each trains for a few steps, and all of its
// functions give finite numbers.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "compiler/support/json.h"
#include "tests/run_all.h"
#include "tests/train/train_model.h"

namespace gmc {
namespace {

namespace fs = std::filesystem;

/// The papers; `parts`, which they extend and import, are no models of their own.
std::set<std::string> papers() {
    std::set<std::string> out;
    for (const auto& file : fs::directory_iterator(GMC_SOURCE_DIR "/tests/zoo"))
        if (file.path().extension() == ".yaml") out.insert(file.path().stem());
    return out;
}

void check_losses_are_finite(const std::string& run, size_t steps) {
    std::ifstream file(run + "/metrics.jsonl");
    size_t lines = 0;
    for (std::string text; std::getline(file, text);) {
        const Json line = Json::parse(text).value();
        if (line.contains("sign")) continue;
        ++lines;
        for (const std::string& key : line.names()) {
            INFO(key);
            REQUIRE(line.at(key).is_number());
            CHECK(std::isfinite(line.at(key).number()));
        }
    }
    CHECK(lines == steps);
}

TEST_CASE("each paper of tests/zoo trains, and its functions give finite numbers") {
    const TemporaryFolder folder;
    for (const std::string& paper : papers()) {
        INFO(paper);
        ir::Module module =
            compile_file(std::string(GMC_SOURCE_DIR "/tests/zoo/") + paper + ".yaml", {});
        const std::string path = folder / (paper + ".gmc");
        Diagnostics diagnostics;
        REQUIRE(ir::write_file(path, ir::artefact_text(module), diagnostics));
        constexpr int64_t kSteps = 3;
        runtime::TrainOptions options = for_steps(in(folder / paper), kSteps);
        options.epochs = kSteps;  // a step of a game may take half of the few examples
        const Trained trained = train(path, options);
        INFO(trained.errors);
        REQUIRE(trained.end == runtime::TrainEnd::kDone);
        check_losses_are_finite(trained.folder, kSteps);

        // `figures` computes from sums over a data set; those that run_all makes up fit none.
        std::erase_if(module.functions,
                      [](const ir::Function& function) { return function.name == "figures"; });
        runtime::StateStore states(module);
        REQUIRE(states.initialise(1, diagnostics));
        const std::vector<float> all = run_all(module, states, {});
        CHECK(std::all_of(all.begin(), all.end(), [](float x) { return std::isfinite(x); }));
    }
}

}  // namespace
}  // namespace gmc
