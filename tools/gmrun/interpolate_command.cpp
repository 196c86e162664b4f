// gmrun interpolate: draws rows of samples that change from one sample into another.
#include "runtime/train/interpolate.h"

#include "tools/gmrun/commands.h"
#include "tools/gmrun/run_source.h"

namespace gmc::tools {

int interpolate_command(const Words& words) {
    namespace po = boost::program_options;
    CommandLine line(
        "gmrun interpolate [options] MODEL",
        "Draws rows of samples from one noise vector to another: on the arc between them where the "
        "noise is\nnormal, on the straight line where it is uniform. Row r goes from sample 2r to "
        "sample 2r + 1.");
    add_run(line);
    line.options().add_options()("rows", po::value<int64_t>()->default_value(8),
                                 "how many pairs of noise vectors")(
        "columns", po::value<int64_t>()->default_value(10),
        "samples from one end to the other, both included")(
        "seed", po::value<uint64_t>()->default_value(1), "seed of the noise")(
        "function", po::value<std::string>()->default_value("sample"),
        "the model's function that makes samples")(
        "output,o", po::value<std::string>()->value_name("FILE"),
        "FILE.png: a picture; FILE.npy: float32, rows * columns x ... in the data's range; by "
        "default interpolation.png in the run's folder");
    add_label(line, "row r is of class r mod classes");
    if (!line.parse(words)) return kDone;
    runtime::InterpolateOptions options;
    options.function = line.text("function");
    options.rows = line.get<int64_t>("rows");
    options.columns = line.get<int64_t>("columns");
    options.seed = line.get<uint64_t>("seed");
    options.label = label(line);
    if (options.rows < 1 || options.rows > 1000 || options.columns < 2 || options.columns > 1000)
        throw UsageError("--rows must be from 1 to 1000, --columns from 2 to 1000");
    Diagnostics diagnostics;
    auto trained = load_trained(line, diagnostics);
    if (!trained.ok()) return report(diagnostics);
    const auto samples = runtime::interpolate(*trained->model, options, diagnostics);
    const std::string output =
        line.has("output") ? line.text("output") : trained->folder + "/interpolation.png";
    if (!samples.ok() ||
        !write_examples(*trained->model, *samples, output, diagnostics, options.columns))
        return report(diagnostics);
    fmt::print("{}\n", output);
    return kDone;
}

}  // namespace gmc::tools
