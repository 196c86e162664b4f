// gmc compile: compiles a model's YAML to a .gmc file, through the whole pipeline.
#include <algorithm>
#include <filesystem>
#include <map>

#include "compiler/ir/artefact.h"
#include "compiler/ir/text/parser.h"
#include "compiler/ir/verifier.h"
#include "compiler/support/paths.h"
#include "compiler/support/say.h"
#include "dsl/data/data_files.h"
#include "dsl/fingerprint.h"
#include "runtime/memory/memory_need.h"
#include "tools/command_line/output_files.h"
#include "tools/gmc/commands.h"
#include "tools/gmc/data_heads.h"
#include "tools/gmc/model_data.h"
#include "tools/gmc/model_source.h"
#include "tools/gmc/pass_flags.h"

namespace gmc::tools {
namespace {

/// "vae_mlp.gmc: 4 functions, 12 states (3.7 MiB), arena 2.9 MiB"
std::string description(const std::string& path, const ir::Module& module) {
    constexpr double kMiB = 1 << 20;
    const runtime::MemoryNeed need = runtime::memory_need(module);
    const auto functions =
        std::count_if(module.functions.begin(), module.functions.end(),
                      [](const ir::Function& function) { return !function.is_body; });
    return fmt::format("{}: {} functions, {} states ({:.1f} MiB), arena {:.1f} MiB", path,
                       functions, module.states.size(), static_cast<double>(need.states) / kMiB,
                       static_cast<double>(need.arena) / kMiB);
}

/// The module may be for another machine, so this is no error.
void warn_if_too_large(const ir::Module& module, Diagnostics& diagnostics) {
    const std::string why =
        runtime::why_too_large(runtime::training_need(module), runtime::memory_of_machine());
    if (!why.empty())
        diagnostics.warning(DiagnosticKind::kTooLarge, {}, "the model is too large to run here: {}",
                            why);
}

/// The bytes of a size such as "64MiB", "1.5 GiB" or "4096". Throws UsageError.
int64_t bytes_from(const std::string& text) {
    static const std::map<std::string, double> kUnits = {
        {"", 1}, {"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
    size_t used = 0;
    double number = 0;
    try {
        number = std::stod(text, &used);
    } catch (const std::exception&) {
        used = 0;
    }
    while (used < text.size() && text[used] == ' ') ++used;
    const auto unit = kUnits.find(text.substr(used));
    if (used == 0 || unit == kUnits.end() || !(number > 0) || number > 1e15)
        throw UsageError(fmt::format(
            "--memory-limit is a size such as 64MiB (or KiB, GiB, bytes), not `{}`", text));
    return static_cast<int64_t>(number * unit->second);
}

/// What passes that are left out, or come in another order, may lead to.
void warn_if_not_runnable(const CommandLine& line, const ir::Module& module,
                          const std::string& output, Diagnostics& diagnostics) {
    if (!line.has("passes") && !line.has("skip") && !line.has("stop-after")) return;
    Diagnostics found;
    if (ir::verify(module, found, {.allow_gradient = false, .planned = true, .runnable = true}))
        return;
    diagnostics
        .warning(DiagnosticKind::kBadIr, {}, "gmrun cannot run `{}`: {}", output,
                 found.list().front().text)
        .help("without --passes, --skip and --stop-after, `gmc compile` does all that gmrun needs");
}

/// What a run keeps of the model that it was begun with: the texts of all files that were read,
/// also of those which no place in the module is in.
void write_origin(const CommandLine& line, const dsl::ModelSpec& spec, const SourceFiles& sources,
                  ir::Module& module) {
    module.origin.model = dsl::model_fingerprint(spec);
    module.origin.data = dsl::data_fingerprint(spec);
    if (line.has("set")) module.origin.settings = line.list("set");
    for (uint32_t file = 1; file <= sources.count(); ++file) {
        const std::string& path = sources.file(file).path();
        if (!path.empty() && path != "--set" &&
            std::find(module.files.begin(), module.files.end(), path) == module.files.end())
            module.files.push_back(path);
    }
    for (const std::string& path : module.files) {
        std::string text;
        for (uint32_t file = 1; file <= sources.count(); ++file)
            if (sources.file(file).path() == path) text = sources.file(file).text();
        module.origin.texts.push_back(text);
    }
}

}  // namespace

/// Options are checked before the model is read, so that a slip in the command line is told at
/// once. The file is written only if all passes succeed; a warning about size comes after that,
/// since the file may be meant for another machine.
int compile_command(const Words& words) {
    CommandLine line("gmc compile [options] MODEL",
                     "Compiles a model to a .gmc file, which `gmrun train` and the other commands "
                     "of gmrun read.");
    add_model(line);
    add_precision(line);
    add_shards(line);
    line.add_option<std::string>(
        "output,o", "FILE",
        "the file to write; by default the name of the YAML with .gmc, in this folder");
    line.add_option<std::string>(
        "memory-limit", "SIZE",
        "the most memory for the values of a function, e.g. 64MiB: values that do not fit are "
        "computed twice instead of kept");
    add_pass_flags(line);
    if (!line.parse(words)) return kDone;
    check_ending(line, "output", {".gmc"});
    const passes::PassOptions options = pass_options(line);
    const std::vector<passes::Stage> stages = chosen_stages(line, pipeline());
    const int64_t limit = line.has("memory-limit") ? bytes_from(line.text("memory-limit")) : 0;
    std::string output = line.text("output");
    if (output.empty()) output = std::filesystem::path(line.text("MODEL")).stem().string() + ".gmc";

    Diagnostics diagnostics;
    Result<dsl::ModelSpec> spec = read_model(line, diagnostics);
    if (!spec) return report(diagnostics);
    Result<ir::Module> module = build_model(line, *spec, diagnostics);
    if (module) {
        module->compilation.memory_limit = limit;
        write_origin(line, *spec, diagnostics.sources(), *module);
    } else {
        (void)dsl::check_data_files(*spec, false, diagnostics);
    }
    if (module && !OutputFiles().may_write(output, diagnostics)) return report(diagnostics);
    if (!module || !passes::run_stages(*module, stages, options, diagnostics) ||
        !ir::fits_in_text(*module, diagnostics) ||
        !ir::write_file(followed(output), ir::artefact_text(*module), diagnostics))
        return report(diagnostics);
    warn_if_too_large(*module, diagnostics);
    warn_if_not_runnable(line, *module, output, diagnostics);
    (void)dsl::check_data_files(*spec, false, diagnostics);
    check_heads(*module, *spec, false, diagnostics);
    report(diagnostics);
    print_tables(*module);
    print_out("{}\n", description(output, *module));
    return kDone;
}

}  // namespace gmc::tools
