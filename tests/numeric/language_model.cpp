// Builds a model from text.
#include "tests/numeric/language_model.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "compiler/passes/differentiate.h"
#include "dsl/lower/build.h"
#include "tests/catch.h"
#include "tests/numeric/test_random.h"

namespace gmc::tests {

/// Written out as a model's file, read and built; only `gradient` ops are expanded, so the
/// functions are what the language says and nothing more.
ir::Module language_model(int batch, const std::string& metrics, const std::string& functions,
                          const std::string& more) {
    const std::string path =
        std::filesystem::temp_directory_path() / fmt::format("gmc-calls-{}.yaml", getpid());
    std::ofstream(path) << fmt::format(
        "model: t\n"
        "data: {{image: {{synthetic: {{set: shapes, size: 4}}}}, label: {{labels_of: image}}}}\n"
        "networks:\n"
        "  flat: {{inputs: {{x: data.image}}, layers: [flatten]}}\n"
        "  net: {{inputs: {{x: data.image}}, layers: [flatten, dense: 2]}}\n"
        "objective:\n"
        "  minimize:\n"
        "    - {{networks: [net], loss: mean(sum(net(image))), metrics: {{{}}}}}\n"
        "  functions: {{{}}}\n"
        "train: {{batch_size: {}}}\n{}",
        metrics, functions, batch, more);
    Diagnostics diagnostics;
    Result<dsl::ModelSpec> spec = dsl::read_model({path, {}, {}}, diagnostics);
    std::filesystem::remove(path);
    if (!spec.ok()) FAIL(diagnostics.render());
    Result<ir::Module> module = lower::build_module(*spec, diagnostics);
    if (!module.ok()) FAIL(diagnostics.render());
    if (!passes::differentiate(*module, diagnostics).ok()) FAIL(diagnostics.render());
    return module.take();
}

Numbers random_numbers(size_t count) {
    TestRandom random(3);
    Numbers numbers(count);
    for (double& number : numbers) number = random.uniform(-1, 1);
    return numbers;
}

Numbers call(const std::string& expression, const Numbers& image, const std::string& more) {
    constexpr size_t kPixels = 16;
    const ir::Module module = language_model(static_cast<int>(image.size() / kPixels), "",
                                             "\"f(image)\": \"" + expression + "\"", more);
    return run(module, "f", {{"image", image}}).at("f").data;
}

std::map<std::string, runtime::ReferenceTensor> run(const ir::Module& module,
                                                    const std::string& function,
                                                    const runtime::ReferenceInputs& inputs) {
    runtime::ReferenceStates states;
    for (size_t s = 0; s < module.states.size(); ++s)
        states[static_cast<ir::StateId>(s)] =
            Numbers(static_cast<size_t>(module.states[s].type.elements()), 0.5);
    runtime::ReferenceInputs all = inputs;
    all.try_emplace("valid", static_cast<size_t>(module.training->batch_size), 1.0);
    return runtime::run_reference(module, *module.find_function(function), all, states, {}).results;
}

}  // namespace gmc::tests
