// Declares the flags about passes, and turns them into stages and options of the pass manager.
// Names of passes are checked before anything runs.
#include "tools/gmc/pass_flags.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/passes/fuse_elementwise.h"
#include "compiler/support/say.h"

namespace gmc::tools {

namespace {

/// Throws UsageError for the first name that is no pass.
void check_names(const std::vector<std::string>& names) {
    std::vector<std::string> known;
    for (const passes::Pass& pass : all_passes()) known.emplace_back(pass.name);
    for (const std::string& name : names)
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            const std::string near = suggestion(name, known);
            throw UsageError(fmt::format(
                "no pass `{}`{}", name,
                near.empty() ? fmt::format(" among {}", fmt::join(known, ", ")) : near));
        }
}

/// Prints a line per stored tensor: "x.yaml:9:5: %h, f32[128,400] by leaky_relu in @step_vae, is
/// stored: read by matmul %y".
void explain_fusion(const ir::Module& module) {
    for (const passes::StoredTensor& tensor : passes::stored_tensors(module)) {
        const ir::Location& at = tensor.maker->location;
        const ir::Value& value = tensor.function->values[tensor.maker->result()];
        print_out(
            "{}%{}, {} by {} in @{}, is stored: {}\n",
            at.known() ? fmt::format("{}:{}:{}: ", module.files[at.file], at.line, at.column) : "",
            value.name, ir::to_string(value.type), tensor.maker->info().name, tensor.function->name,
            tensor.reason);
    }
}

/// Puts the explanation in front of the pass `fuse_elementwise`, where it sees what that will
/// store.
void add_explanation(std::vector<passes::Stage>& stages) {
    for (passes::Stage& stage : stages)
        for (passes::Pass& pass : stage.passes)
            if (pass.name == "fuse_elementwise")
                pass.function = [run = pass.function](ir::Module& module,
                                                      Diagnostics& diagnostics) {
                    explain_fusion(module);
                    return run(module, diagnostics);
                };
}

}  // namespace

void add_pass_flags(CommandLine& line) {
    line.add_option<std::string>(
        "passes", "NAMES",
        "runs these passes in this order, e.g. \"cse dce\"; `gmc opt --help` lists them");
    line.add_option<std::string>("skip", "NAMES", "leaves passes out");
    line.add_option<std::string>("stop-after", "NAME", "stops when this pass is done");
    line.add_option<std::string>("print-after", "NAMES", "prints the module after passes");
    line.add_option<std::string>(
        "dump-dir", "DIR",
        "writes the module there after each pass that changed it, e.g. 07-cse.changed.gmc");
    line.add_flag("time-passes", "prints a table of the time that passes took");
    line.add_flag("explain-fusion",
                  "prints the tensors that fuse_elementwise leaves in memory, and why");
}

std::string pass_table() {
    std::string table;
    for (const passes::Pass& pass : all_passes())
        table += fmt::format("{}  {:<18} {}", table.empty() ? "" : "\n", pass.name, pass.summary);
    return table;
}

passes::PassOptions pass_options(const CommandLine& line) {
    passes::PassOptions options;
    options.skip = line.names("skip");
    options.stop_after = line.text("stop-after");
    options.print_after = line.names("print-after");
    options.dump_folder = line.text("dump-dir");
    options.time_passes = line.flag("time-passes");
    check_names(options.skip);
    check_names(options.print_after);
    if (!options.stop_after.empty()) check_names({options.stop_after});
    return options;
}

std::vector<passes::Stage> chosen_stages(const CommandLine& line,
                                         const std::vector<passes::Stage>& otherwise) {
    std::vector<passes::Stage> stages = otherwise;
    if (line.has("passes")) {
        const std::vector<std::string> names = line.names("passes");
        check_names(names);
        std::string unknown;
        stages = stages_of(names, unknown);
    }
    if (line.flag("explain-fusion")) add_explanation(stages);
    return stages;
}

}  // namespace gmc::tools
