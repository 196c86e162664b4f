// Compiles a model inside a test, as `gmc compile` does.
#pragma once

#include <string>
#include <vector>

#include "compiler/passes/pass_manager.h"
#include "compiler/pipeline.h"
#include "dsl/lower/build.h"
#include "tests/catch.h"

namespace gmc {

/// The model at `path`, through the whole pipeline; `sets` as for --set, `precision` as for
/// --precision, `shards` as for --shards.
inline ir::Module compile_file(const std::string& path, const std::vector<std::string>& sets,
                               const std::string& precision = "f32", int64_t shards = 0) {
    Diagnostics diagnostics;
    auto spec = dsl::read_model({path, sets, {GMC_SOURCE_DIR "/models/recipes"}}, diagnostics);
    if (!spec.ok()) FAIL(diagnostics.render());
    auto module = lower::build_module(*spec, diagnostics);
    if (!module.ok()) FAIL(diagnostics.render());
    if (precision == "bf16") module->compilation.precision = ir::DType::kBf16;
    module->compilation.shards = shards;
    if (!passes::run_stages(*module, pipeline(), {}, diagnostics).ok()) FAIL(diagnostics.render());
    return module.take();
}

/// The same for models/NAME.yaml.
inline ir::Module compile_model(const std::string& name, const std::vector<std::string>& sets,
                                const std::string& precision = "f32") {
    return compile_file(GMC_SOURCE_DIR "/models/" + name + ".yaml", sets, precision);
}

/// The same for a model of Fashion-MNIST, on machines that do not have that data.
inline ir::Module compile_without_data(const std::string& name, int64_t batch_size,
                                       const std::string& precision = "f32") {
    return compile_model(name,
                         {"data.image.shape=[28,28,1]", "data.test.image.shape=[28,28,1]",
                          "train.batch_size=" + std::to_string(batch_size)},
                         precision);
}

/// Makes a module of Fashion-MNIST learn generated shapes, with their classes: the same networks
/// and objectives, no files.
inline void use_generated_shapes(ir::Module& module) {
    for (std::vector<ir::DataField>* fields : {&module.data, &module.test})
        for (ir::DataField& field : *fields) {
            const bool label = field.format == "labels" || field.shape.empty();
            field.format = label ? "labels" : "synthetic";
            field.source = label ? "image" : "shapes";
            if (field.classes > 0) field.classes = 8;
        }
}

}  // namespace gmc
