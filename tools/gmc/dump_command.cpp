// gmc dump: prints a model at a stage of its compilation, in a format for people or programs.
#include <algorithm>

#include "compiler/ir/artefact.h"
#include "compiler/ir/text/dot.h"
#include "compiler/ir/text/printer.h"
#include "compiler/pipeline.h"
#include "compiler/support/say.h"
#include "compiler/view/json.h"
#include "compiler/view/loops.h"
#include "compiler/view/memory_plan.h"
#include "tools/gmc/commands.h"
#include "tools/gmc/model_source.h"
#include "tools/gmc/spec_json.h"

namespace gmc::tools {
namespace {

/// From what is in a .gmc file back to what was read.
const std::vector<std::string> kStages = {"plan", "opt", "grad", "ir", "spec"};

/// A format in which a module can be printed.
struct Format {
    std::string name;
    std::string (*write)(const ir::Module&);
    bool of_plans = false;  ///< only of the stage plan
};
const std::vector<Format> kFormats = {
    {"text", [](const ir::Module& m) { return ir::print(m); }},
    {"loops", view::loops_text},
    {"json", [](const ir::Module& m) { return view::to_json(m).dump(1) + "\n"; }},
    {"dot", ir::to_dot},
    {"table", view::memory_table, true},
    {"svg", view::memory_svg, true},
};

/// Prints a .gmc file, which is a model at the stage `plan`.
int dump_artefact(const CommandLine& line, const Format& format) {
    const std::string path = line.text("MODEL");
    for (const char* option : {"stage", "set", "precision", "shards", "shard-sums"})
        if (line.given(option) && (option != std::string("stage") || line.text(option) != "plan"))
            throw UsageError(
                fmt::format("--{} needs the model's YAML: `{}` is compiled", option, path));
    Diagnostics diagnostics;
    const Result<ir::Module> module = ir::read_artefact(
        path, {.verify = {.allow_gradient = false, .planned = format.of_plans}}, diagnostics);
    if (!module) return report(diagnostics);
    print_out("{}", format.write(*module));
    return kDone;
}

}  // namespace

/// Reads either YAML, which it compiles as far as the stage, or a .gmc file, which is at the last
/// stage already.
int dump_command(const Words& words) {
    CommandLine line(
        "gmc dump [options] MODEL",
        "Prints a model at a stage of its compilation, or a .gmc file, which is at the last "
        "stage:\n"
        "  spec   as it was read: recipes, blocks and defaults in place (JSON)\n"
        "  ir     as it was built, losses with `gradient` ops\n"
        "  grad   differentiated\n"
        "  opt    simplified and fused\n"
        "  plan   with its memory planned: what is in a .gmc file\n"
        "Formats:\n"
        "  text   the IR, which `gmc opt` reads again, or JSON for the stage spec\n"
        "  loops  a line per loop, contraction and copy: what it reads and stores\n"
        "  json   for programs\n"
        "  dot    a graph for Graphviz\n"
        "  table  buffers, their lifetimes and the peak of memory, for the stage plan\n"
        "  svg    the same as a picture");
    add_model(line, "the model, a YAML file or a .gmc file");
    add_precision(line);
    add_shards(line);
    line.add_choice("stage", kStages, "how far it is compiled");
    std::vector<std::string> formats;
    for (const Format& format : kFormats) formats.push_back(format.name);
    line.add_choice("format", formats, "how it is printed");
    if (!line.parse(words)) return kDone;
    const std::string stage = line.text("stage"), format_name = line.text("format");
    const Format& format = *std::find_if(kFormats.begin(), kFormats.end(),
                                         [&](const Format& f) { return f.name == format_name; });
    if ((stage == "spec" && format.name != "text" && format.name != "json") ||
        (stage != "plan" && format.of_plans))
        throw UsageError(fmt::format("the stage {} has no format {}", stage, format.name));

    if (is_compiled(line.text("MODEL"))) return dump_artefact(line, format);
    Diagnostics diagnostics;
    const Result<dsl::ModelSpec> spec = read_model(line, diagnostics);
    if (!spec) return report(diagnostics);
    if (stage == "spec") {
        print_out("{}\n", spec_json(*spec).dump(2));
        return kDone;
    }
    Result<ir::Module> module = build_model(line, *spec, diagnostics);
    if (!module || !passes::run_stages(*module, pipeline_until(stage), {}, diagnostics))
        return report(diagnostics);
    print_out("{}", format.write(*module));
    return kDone;
}

}  // namespace gmc::tools
