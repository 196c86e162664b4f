// Compiles models that are texts, and trains them quietly.
#pragma once

#include <fstream>
#include <string>
#include <vector>

#include "compiler/ir/artefact.h"
#include "runtime/run/trainer.h"
#include "runtime/train/loaded_model.h"
#include "tests/compile_model.h"
#include "tests/temporary_folder.h"

namespace gmc {

/// Compiles the text; gives the path of the .gmc.
inline std::string write_model(const TemporaryFolder& folder, const std::string& name,
                               const std::string& text, const std::vector<std::string>& sets = {}) {
    std::ofstream(folder / (name + ".yaml")) << text;
    Diagnostics diagnostics;
    REQUIRE(ir::write_file(folder / (name + ".gmc"),
                           ir::artefact_text(compile_file(folder / (name + ".yaml"), sets)),
                           diagnostics));
    return folder / (name + ".gmc");
}

struct Trained {
    runtime::TrainEnd end;
    std::string folder, errors;
};

/// Trains a model; `options` names the run's folder.
inline Trained train(const std::string& path, runtime::TrainOptions options) {
    Diagnostics diagnostics;
    auto model = runtime::LoadedModel::load(path, diagnostics);
    REQUIRE(model.ok());
    options.quiet = true;
    options.sample_count = 0;
    options.log_every = 1;
    (*model)->set_tuning(options.tuning);
    const runtime::TrainResult result = runtime::train(**model, options, diagnostics);
    return {result.end, result.folder, diagnostics.render()};
}

inline runtime::TrainOptions in(const std::string& run) {
    runtime::TrainOptions options;
    options.run_directory = run;
    return options;
}
inline runtime::TrainOptions resume(const std::string& run) {
    runtime::TrainOptions options = in(run);
    options.resume = true;
    return options;
}
inline runtime::TrainOptions for_steps(runtime::TrainOptions options, int64_t steps) {
    options.steps_most = steps;
    return options;
}

}  // namespace gmc
