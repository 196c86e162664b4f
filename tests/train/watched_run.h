// A small model whose training is watched: what it logs, and how it ends.
#pragma once

#include <fstream>
#include <string>
#include <vector>

#include "compiler/ir/artefact.h"
#include "compiler/support/json.h"
#include "runtime/run/trainer.h"
#include "tests/compile_model.h"
#include "tests/temporary_folder.h"
#include "tests/train/load_model.h"

namespace gmc {

/// One network of 64 weights and biases that copies 8 x 8 shapes.
inline std::string copier(const std::string& loss, const std::string& train, int64_t count = 16) {
    return "model: m\n"
           "data: {image: {synthetic: {set: shapes, size: 8}, range: [0, 1], count: " +
           std::to_string(count) +
           "}}\n"
           "networks: {net: {inputs: {x: data.image}, layers: [flatten, {dense: 64}, {reshape: "
           "[8, 8, 1]}]}}\n"
           "objective: {minimize: [{networks: net, loss: \"" +
           loss + "\"}]}\ntrain: {batch_size: 16, " + train + "}\n";
}
inline constexpr char kError[] = "mean(sum((net(image) - image)^2))";

inline std::string write_model(const TemporaryFolder& folder, const std::string& text) {
    std::ofstream(folder / "m.yaml") << text;
    Diagnostics diagnostics;
    REQUIRE(ir::write_file(folder / "m.gmc", ir::artefact_text(compile_file(folder / "m.yaml", {})),
                           diagnostics));
    return folder / "m.gmc";
}

struct Watched {
    runtime::TrainEnd end;
    std::string errors;
    std::vector<Json> metrics;
};

inline Watched train_watched(const TemporaryFolder& folder, const std::string& path,
                             runtime::TrainOptions options = {}) {
    Diagnostics diagnostics;
    auto model = load(path);
    options.run_directory = folder / "run";
    options.quiet = true;
    options.log_every = 1;
    Watched out{runtime::train(*model, options, diagnostics).end, diagnostics.render(), {}};
    std::ifstream file(folder / "run/metrics.jsonl");
    for (std::string line; std::getline(file, line);)
        out.metrics.push_back(Json::parse(line).value());
    return out;
}

inline int64_t lines_with(const Watched& trained, const std::string& key) {
    int64_t count = 0;
    for (const auto& line : trained.metrics) count += line.contains(key);
    return count;
}

}  // namespace gmc
