// gmrun sample: draws samples of a trained model, as a picture or as an array.
#include <algorithm>

#include "compiler/support/say.h"
#include "runtime/train/picture.h"
#include "runtime/train/sampler.h"
#include "runtime/train/write_back.h"
#include "tools/gmrun/commands.h"
#include "tools/gmrun/input_settings.h"
#include "tools/gmrun/output/write_output.h"
#include "tools/gmrun/run_source.h"
#include "tools/gmrun/tuning.h"

namespace gmc::tools {
namespace {

constexpr int64_t kColumnsMost = 64;  ///< beyond this, pictures in a row are too small to see
constexpr int64_t kGridMost = 4096;  ///< samples of a grid that are drawn when nobody says how many

/// How many samples are drawn when nobody says: as many as one picture of this function's results
/// shows; of a grid of conditions, as many whole grids as fit.
int64_t usual_count(const runtime::LoadedModel& model, const std::string& name,
                    const std::vector<runtime::InputSetting>& settings) {
    const ir::Function* function = model.module().find_function(name);
    const bool known = function != nullptr && !function->results.empty();
    const int64_t usual = runtime::usual_count(
        known ? function->type(function->results[0].value).shape : ir::Shape{});
    const int64_t grid = runtime::grid_size(settings);
    return std::clamp<int64_t>(usual / grid, 1, usual) * std::min<int64_t>(grid, kGridMost);
}

/// The columns of the picture: of a grid of conditions, the values of the first one, which runs
/// along a row; 0, so that it is chosen by the count, for all else.
int64_t columns_of(const std::vector<runtime::InputSetting>& settings) {
    for (const runtime::InputSetting& setting : settings)
        if (setting.steps > 1) return std::min(setting.steps, kColumnsMost);
    return 0;
}

}  // namespace

/// The count is checked before the model is loaded. How many samples are usual, and how many stand
/// in a row, follows from the shape of a sample and from --set-input.
int sample_command(const Words& words) {
    CommandLine line("gmrun sample [options] MODEL",
                     "Draws samples of a trained model. Sample i depends on the seed and i only, "
                     "not on how many are drawn, but for rounding in the last bits: a few are "
                     "computed otherwise than many.");
    add_run(line);
    add_checkpoint(line);
    add_computing(line);
    line.add_option<int64_t>("count", "N", "how many samples; by default 64, of points 2000",
                             Range{1, 10'000'000});
    line.add_option<uint64_t>("seed", "N", "seed of the noise", 1);
    line.add_option<std::string>("function", "NAME", "the model's function that makes samples",
                                 "sample");
    line.add_option<std::string>(
        "output,o", "FILE",
        "FILE.png: a grid of images, or a scatter plot of points over those of the data; FILE.npy: "
        "float32, N x H x W x C in the data's range; FILE.npz: the same as `samples`, and `labels` "
        "where there are classes (of several fields, those of each under its name); FILE.csv, "
        "FILE.wav: rows of a table, sound; FOLDER/: a PNG or WAV per sample, in sub-folders by "
        "class, those of several fields in conditions.csv; by default samples.png in the run's "
        "folder, or .csv or .wav where the data are such");
    add_label(line, "sample i is of class i mod classes, so that a grid shows them side by side");
    add_settings(line, "each a column");
    if (!line.parse(words)) return kDone;
    check_ending(line, "output", {".png", ".npy", ".npz", ".csv", ".wav", "/"});
    Diagnostics diagnostics;
    auto trained = load_trained(line, diagnostics);
    if (!trained.ok()) return report(diagnostics);
    const std::string function = line.text("function");
    runtime::SamplerOptions options{function, line.get<uint64_t>("seed"), {}, {}};
    if (!read_settings(line, *trained, function, options.settings, diagnostics))
        return report(diagnostics);
    const auto wanted = label(line, *trained->model, function, options.settings, diagnostics);
    if (!wanted.ok()) return report(diagnostics);
    options.label = *wanted;
    const int64_t count = line.has("count")
                              ? line.get<int64_t>("count")
                              : usual_count(*trained->model, function, options.settings);
    warn_of_cut_grid(line, options.settings, count, "count");
    auto samples = runtime::generate(*trained->model, options, count, diagnostics);
    if (!samples.ok()) return report(diagnostics);
    say_left_results(*trained->model, function);
    const auto place = output_file(line, *trained, *samples, "samples", diagnostics);
    if (!place.ok()) return report_output(line, diagnostics);
    const std::string& output = *place;
    if (output.ends_with(".csv")) runtime::draw_missing(*trained->model, options.seed, *samples);
    if (!write_examples(*trained->model, *samples, output_files(line, *trained), output,
                        diagnostics, columns_of(options.settings)))
        return report_output(line, diagnostics);
    print_out("{}\n", output);
    return kDone;
}

}  // namespace gmc::tools
