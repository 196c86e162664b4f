// gmrun sample: what the model makes of noise.
#include "tools/gmrun/commands.h"
#include "tools/gmrun/run_source.h"

namespace gmc::tools {

int sample_command(const Words& words) {
    namespace po = boost::program_options;
    CommandLine line("gmrun sample [options] MODEL",
                     "Draws samples of a trained model. Sample i depends on the seed and i only, "
                     "not on how many are drawn.");
    add_run(line);
    line.options().add_options()("count", po::value<int64_t>()->default_value(64),
                                 "how many samples")(
        "seed", po::value<uint64_t>()->default_value(1), "of the noise")(
        "function", po::value<std::string>()->default_value("sample"),
        "the model's function that makes them")(
        "output,o", po::value<std::string>()->value_name("FILE"),
        "FILE.png: a grid; FILE.npy: float32, N x H x W x C in the data's range; by default "
        "samples.png in the run's folder");
    if (!line.parse(words)) return kDone;
    const auto count = line.get<int64_t>("count");
    if (count < 1 || count > 10'000'000) throw UsageError("--count must be from 1 to 10000000");
    Diagnostics diagnostics;
    auto trained = load_trained(line, diagnostics);
    if (!trained.ok()) return report(diagnostics);
    const auto samples = runtime::generate(*trained->model, line.text("function"), count,
                                           line.get<uint64_t>("seed"), diagnostics);
    const std::string output =
        line.has("output") ? line.text("output") : trained->folder + "/samples.png";
    if (!samples.ok() || !write_examples(*trained->model, *samples, output, diagnostics))
        return report(diagnostics);
    fmt::print("{}\n", output);
    return kDone;
}

}  // namespace gmc::tools
