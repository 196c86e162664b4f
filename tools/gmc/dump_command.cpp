// gmc dump: a model at a stage between YAML and .gmc.
#include <algorithm>

#include "compiler/build/build.h"
#include "compiler/ir/dot.h"
#include "compiler/ir/printer.h"
#include "compiler/pipeline.h"
#include "tools/gmc/commands.h"
#include "tools/gmc/model_source.h"
#include "tools/gmc/spec_json.h"

namespace gmc::tools {
namespace {

const std::vector<std::string> kStages = {"spec", "ir", "grad", "opt", "plan"};
const std::vector<std::string> kFormats = {"text", "dot", "json"};

std::string choice(const CommandLine& line, const std::string& option,
                   const std::vector<std::string>& choices) {
    const std::string word = line.text(option);
    if (std::find(choices.begin(), choices.end(), word) != choices.end()) return word;
    throw UsageError(
        fmt::format("--{} is one of {}, not `{}`", option, fmt::join(choices, ", "), word));
}

}  // namespace

int dump_command(const Words& words) {
    namespace po = boost::program_options;
    CommandLine line("gmc dump [options] MODEL",
                     "Prints a model at a stage of its compilation:\n"
                     "  spec   as it was read: recipes, blocks and defaults in place (JSON)\n"
                     "  ir     as it was built, losses with `gradient` ops\n"
                     "  grad   differentiated\n"
                     "  opt    simplified and fused\n"
                     "  plan   with its memory planned: what is in a .gmc file");
    add_model(line);
    line.options().add_options()  //
        ("stage", po::value<std::string>()->default_value("plan")->value_name("STAGE"),
         "spec, ir, grad, opt or plan")  //
        ("format", po::value<std::string>()->default_value("text")->value_name("FORMAT"),
         "text; dot, for Graphviz; json, for the stage spec");
    if (!line.parse(words)) return kDone;
    const std::string stage = choice(line, "stage", kStages),
                      format = choice(line, "format", kFormats);
    if ((stage == "spec" && format == "dot") || (stage != "spec" && format == "json"))
        throw UsageError(fmt::format("the stage {} has no format {}", stage, format));

    Diagnostics diagnostics;
    const Result<dsl::ModelSpec> spec = read_model(line, diagnostics);
    if (!spec) return report(diagnostics);
    if (stage == "spec") {
        fmt::print("{}\n", spec_json(*spec).dump(2));
        return kDone;
    }
    Result<ir::Module> module = build::build_module(*spec, diagnostics);
    if (!module || !passes::run_stages(*module, pipeline_until(stage), {}, diagnostics))
        return report(diagnostics);
    fmt::print("{}", format == "dot" ? ir::to_dot(*module) : ir::print(*module));
    return kDone;
}

}  // namespace gmc::tools
