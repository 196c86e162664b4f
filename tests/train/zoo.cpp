// Papers written in the language alone, tests/zoo: each trains for a few steps, and all of its
// functions give finite numbers.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include "tests/run_all.h"
#include "tests/train/metrics.h"
#include "tests/train/train_model.h"

namespace gmc {
namespace {

namespace fs = std::filesystem;

/// Name -> path of each paper; `parts`, which they extend and import, are no models of their own.
std::map<std::string, std::string> papers() {
    std::map<std::string, std::string> out;
    for (const auto& file : fs::recursive_directory_iterator(GMC_SOURCE_DIR "/tests/zoo"))
        if (file.path().extension() == ".yaml" && file.path().parent_path().stem() != "parts")
            out[file.path().stem()] = file.path();
    return out;
}

void check_losses_are_finite(const std::string& run, size_t steps) {
    const std::vector<Json> lines = metrics_of(run);
    CHECK(lines.size() == steps);
    for (const Json& line : lines)
        for (const std::string& key : line.names()) {
            INFO(key);
            REQUIRE(line.at(key).is_number());
            CHECK(std::isfinite(line.at(key).number()));
        }
}

TEST_CASE("each paper of tests/zoo trains, and its functions give finite numbers") {
    const TemporaryFolder folder;
    const std::map<std::string, std::string> all_papers = papers();
    REQUIRE_FALSE(all_papers.empty());
    for (const auto& [paper, yaml] : all_papers) {
        INFO(paper);
        ir::Module module = compile_file(yaml, {});
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
