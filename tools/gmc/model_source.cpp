// Reads the model of a command. Recipes are found from any working directory, whether gmc was
// installed or built in its source tree.
#include "tools/gmc/model_source.h"

#include <fmt/ranges.h>

#include <filesystem>

#include "compiler/ir/artefact.h"
#include "dsl/lower/build.h"

namespace gmc::tools {

namespace fs = std::filesystem;

void add_model(CommandLine& line, const std::string& about) {
    line.add_argument("MODEL", about);
    line.add_list(
        "set", "NAME=VALUE",
        "replaces a variable of the model or any key of it, as in width=64 or train.epochs=3; "
        "may be given several times");
}

std::vector<std::string> recipe_directories(const std::string& model) {
    std::vector<std::string> out = {(fs::path(model).parent_path() / "recipes").string()};
    std::error_code code;
    const fs::path program = fs::read_symlink("/proc/self/exe", code);
    const fs::path folder = program.parent_path();
    // Installed: PREFIX/bin/gmc; in a build tree: build/gmc and build/share/gmc, a link.
    if (code) return out;
    for (const fs::path& prefix : {folder.parent_path(), folder}) {
        // The link is followed, so that messages name the file in the source tree.
        const fs::path recipes = fs::weakly_canonical(prefix / "share/gmc/models/recipes", code);
        if (!code && fs::is_directory(recipes, code)) out.push_back(recipes.string());
    }
    return out;
}

/// The model of the wanted name in the folder around gmc's own recipes; "" where there is none.
static std::string model_of_gmc(const dsl::ReadModelOptions& wanted) {
    const fs::path path = fs::path(wanted.path).lexically_normal();
    fs::path below = path.filename();  // what follows `models/`
    for (fs::path rest = path; rest.has_parent_path() && rest != rest.parent_path();
         rest = rest.parent_path())
        if (rest.parent_path().filename() == "models")
            below = path.lexically_relative(rest.parent_path());
    for (const std::string& recipes : wanted.recipe_directories) {
        const std::string model = (fs::path(recipes).parent_path() / below).string();
        std::error_code code;
        if (fs::is_regular_file(model, code)) return model;
    }
    return "";
}

bool is_compiled(const std::string& path) {
    std::error_code code;
    return ir::is_artefact(path) ||
           (fs::path(path).extension() == ".gmc" && fs::is_regular_file(path, code));
}

Result<dsl::ModelSpec> read_model(const CommandLine& line, Diagnostics& diagnostics) {
    dsl::ReadModelOptions options;
    options.path = line.text("MODEL");
    if (is_compiled(options.path)) {
        diagnostics
            .error(DiagnosticKind::kBadFile, {diagnostics.sources().add(options.path, ""), 0, 0, 0},
                   "is a compiled model, not a model's YAML")
            .help(
                "give the YAML that it was compiled from; `gmc dump` shows what is in a compiled "
                "model, gmrun runs it");
        return Failure{};
    }
    options.sets = line.list("set");
    options.recipe_directories = recipe_directories(options.path);
    std::error_code code;
    const bool is_missing = fs::status(options.path, code).type() == fs::file_type::not_found;
    auto spec = dsl::read_model(options, diagnostics);
    const std::string own = is_missing && !spec.ok() ? model_of_gmc(options) : "";
    if (!own.empty())
        diagnostics.note_last(
            {}, fmt::format("the model of this name that came with gmc is `{}`", own));
    return spec;
}

void add_precision(CommandLine& line) {
    line.add_choice(
        "precision", {"f32", "bf16"},
        "bf16: convolutions and matrix products of bf16 numbers, activations and their gradients "
        "kept in bf16; weights, "
        "optimizers, statistics and losses stay f32");
}

void add_shards(CommandLine& line) {
    line.add_option<int64_t>(
        "shards", "N",
        "computes training steps in so many parts of the batch, a power of two: up to N processes "
        "can then share a run (mpirun -n 4 gmrun train), which has the same bits with any number "
        "of them",
        Range{1, 4096});
    line.add_choice("shard-sums", {"f32", "bf16"},
                    "bf16: gradients of shards are rounded to bf16 and added up so, which halves "
                    "the bytes between processes; the bits do not depend on how many these are");
}

Result<ir::Module> build_model(const CommandLine& line, const dsl::ModelSpec& spec,
                               Diagnostics& diagnostics) {
    const std::string precision = line.text("precision");
    Result<ir::Module> module = lower::build_module(spec, diagnostics);
    if (module && precision == "bf16") module->compilation.precision = ir::DType::kBf16;
    const bool rounded = line.text("shard-sums") == "bf16";
    if (rounded && !line.has("shards"))
        throw UsageError("--shard-sums=bf16 says how shards are added up: it needs --shards");
    if (!module || !line.has("shards")) return module;
    if (rounded) module->compilation.shard_sums = ir::DType::kBf16;
    const int64_t shards = line.get<int64_t>("shards"), batch = module->training->batch_size;
    module->compilation.shards = shards;
    if (ir::is_share(shards, batch)) return module;
    std::vector<int64_t> right;
    for (int64_t number = 1; ir::is_share(number, batch); number *= 2) right.push_back(number);
    diagnostics
        .error(DiagnosticKind::kBadValue, {}, "a batch of {} cannot be cut into {} shards", batch,
               shards)
        .help(fmt::format("the number of shards is a power of two that divides "
                          "`train.batch_size`, here {}",
                          fmt::join(right, ", ")));
    return Failure{};
}

}  // namespace gmc::tools
