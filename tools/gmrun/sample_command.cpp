// gmrun sample: draws samples of a trained model, as a picture or as an array.
#include "runtime/train/picture.h"
#include "tools/gmrun/commands.h"
#include "tools/gmrun/run_source.h"

namespace gmc::tools {
namespace {

/// The number of samples that one picture of this function's results shows.
int64_t usual_count(const runtime::LoadedModel& model, const std::string& name) {
    const ir::Function* function = model.module().find_function(name);
    const bool known = function != nullptr && !function->results.empty();
    return runtime::usual_count(known ? function->type(function->results[0].value).shape
                                      : ir::Shape{});
}

}  // namespace

int sample_command(const Words& words) {
    CommandLine line("gmrun sample [options] MODEL",
                     "Draws samples of a trained model. Sample i depends on the seed and i only, "
                     "not on how many are drawn.");
    add_run(line);
    add_checkpoint(line);
    line.add_option<int64_t>("count", "N", "how many samples; by default 64, of points 2000");
    line.add_option<uint64_t>("seed", "N", "seed of the noise", 1);
    line.add_option<std::string>("function", "NAME", "the model's function that makes samples",
                                 "sample");
    line.add_option<std::string>(
        "output,o", "FILE",
        "FILE.png: a grid of images, or a scatter plot of points over those of the data; FILE.npy: "
        "float32, N x H x W x C in the data's range; by default samples.png in the run's folder");
    add_label(line, "sample i is of class i mod classes, so that a grid shows them side by side");
    if (!line.parse(words)) return kDone;
    const int64_t asked = line.has("count") ? line.get<int64_t>("count") : 1;
    if (asked < 1 || asked > 10'000'000) throw UsageError("--count must be from 1 to 10000000");
    Diagnostics diagnostics;
    auto trained = load_trained(line, diagnostics);
    if (!trained.ok()) return report(diagnostics);
    const std::string function = line.text("function");
    const int64_t count = line.has("count") ? asked : usual_count(*trained->model, function);
    const auto samples = runtime::generate(*trained->model, function, count,
                                           line.get<uint64_t>("seed"), diagnostics, label(line));
    const std::string output =
        line.has("output") ? line.text("output") : trained->folder + "/samples.png";
    if (!samples.ok() || !write_examples(*trained->model, *samples, output, diagnostics))
        return report(diagnostics);
    fmt::print("{}\n", output);
    return kDone;
}

}  // namespace gmc::tools
