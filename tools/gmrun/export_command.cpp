// gmrun export: writes a trained model for other programs.
#include "tools/gmrun/commands.h"
#include "tools/gmrun/run_source.h"

namespace gmc::tools {

int export_command(const Words& words) {
    CommandLine line(
        "gmrun export [options] MODEL",
        "Writes a trained model for other programs: its weights as a safetensors file, "
        "in Keras' layouts.");
    add_run(line);
    add_checkpoint(line);
    line.add_option<std::string>("weights", "FILE", "parameters and running statistics");
    line.add_flag("averaged",
                  "with --weights: the moving averages of the parameters that have them");
    if (!line.parse(words)) return kDone;
    if (!line.has("weights")) throw UsageError("nothing is asked for: --weights FILE");
    Diagnostics diagnostics;
    const auto trained = load_trained(line, diagnostics);
    if (!trained.ok()) return report(diagnostics);
    const std::string file = line.text("weights");
    if (!runtime::write_weights(file, trained->model->states(), line.flag("averaged"), diagnostics))
        return report(diagnostics);
    fmt::print("weights: {}\n", file);
    return kDone;
}

}  // namespace gmc::tools
