// Recipes are found whether gmc was built in its source tree or installed, and from any working
// directory.
#include "tools/gmc/model_source.h"

#include <filesystem>

#include "compiler/ir/artefact.h"
#include "dsl/lower/build.h"

namespace gmc::tools {

namespace po = boost::program_options;
namespace fs = std::filesystem;

void add_model(CommandLine& line, const std::string& about) {
    line.add_argument("MODEL", about);
    line.options().add_options()(
        "set", po::value<std::vector<std::string>>()->composing()->value_name("NAME=VALUE"),
        "replaces a variable of the model; may be given several times");
}

std::vector<std::string> recipe_directories(const std::string& model) {
    std::vector<std::string> out = {(fs::path(model).parent_path() / "recipes").string()};
    std::error_code code;
    const fs::path program = fs::read_symlink("/proc/self/exe", code);
    if (!code)
        out.push_back((program.parent_path().parent_path() / "share/gmc/models/recipes").string());
    out.push_back(GMC_SOURCE_DIR "/models/recipes");
    return out;
}

Result<dsl::ModelSpec> read_model(const CommandLine& line, Diagnostics& diagnostics) {
    dsl::ReadModelOptions options;
    options.path = line.text("MODEL");
    if (ir::is_artefact(options.path)) {
        diagnostics
            .error(DiagnosticKind::kBadFile, {diagnostics.sources().add(options.path, ""), 0, 0, 0},
                   "is a compiled model, not a model's YAML")
            .help(
                "give the YAML that it was compiled from; `gmc dump` shows what is in a compiled "
                "model, gmrun runs it");
        return Failure{};
    }
    if (line.has("set")) options.sets = line.get<std::vector<std::string>>("set");
    options.recipe_directories = recipe_directories(options.path);
    return dsl::read_model(options, diagnostics);
}

void add_precision(CommandLine& line) {
    line.options().add_options()(
        "precision",
        po::value<std::string>()
            ->default_value("f32")
            ->value_name("f32|bf16")
            ->notifier([](const std::string& precision) {
                if (precision != "f32" && precision != "bf16")
                    throw UsageError(
                        fmt::format("--precision is f32 or bf16, not `{}`", precision));
            }),
        "bf16: convolutions and matrix products of bf16 numbers, activations and their gradients "
        "kept in bf16; weights, "
        "optimizers, statistics and losses stay f32");
}

Result<ir::Module> build_model(const CommandLine& line, const dsl::ModelSpec& spec,
                               Diagnostics& diagnostics) {
    const std::string precision = line.text("precision");
    Result<ir::Module> module = lower::build_module(spec, diagnostics);
    if (module && precision == "bf16") module->compilation.precision = ir::DType::kBf16;
    return module;
}

}  // namespace gmc::tools
