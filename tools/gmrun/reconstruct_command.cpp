// gmrun reconstruct: draws test images with their reconstructions below them.
#include "compiler/support/say.h"
#include "runtime/output/npy.h"
#include "runtime/output/png.h"
#include "runtime/train/picture.h"
#include "tools/gmrun/commands.h"
#include "tools/gmrun/output/write_output.h"
#include "tools/gmrun/own_data.h"
#include "tools/gmrun/run_source.h"
#include "tools/gmrun/tuning.h"

namespace gmc::tools {
namespace {

/// Brings pictures into the range in which others are drawn beside them.
void take_range(const runtime::GridOptions& from, const runtime::GridOptions& to,
                runtime::Examples& pictures) {
    if (from.low == to.low && from.high == to.high) return;
    const float scale = (to.high - to.low) / (from.high - from.low);
    for (float& value : pictures.values) value = to.low + scale * (value - from.low);
}

}  // namespace

/// Pictures are drawn as pairs of rows; anything else, or a file of numbers, gets the
/// reconstructions alone.
int reconstruct_command(const Words& words) {
    CommandLine line("gmrun reconstruct [options] MODEL",
                     "Reconstructs the first examples of the test data (of the training data where "
                     "the model names none).");
    add_run(line);
    add_own_data(line);
    add_checkpoint(line);
    add_computing(line);
    line.add_option<int64_t>("count", "N", "how many examples", 32, kFromOne);
    line.add_option<uint64_t>("seed", "N", "seed of noise, if the function draws any", 1);
    line.add_option<std::string>("function", "NAME",
                                 "the model's function that makes reconstructions", "reconstruct");
    line.add_option<std::string>(
        "output,o", "FILE",
        "FILE.png: pairs of rows, originals above; FILE.npy, FILE.npz, FILE.csv, FILE.wav, "
        "FOLDER/: "
        "the reconstructions, as `gmrun sample` writes samples; by default reconstructions.png in "
        "the run's folder, or .csv or .wav for "
        "such data");
    if (!line.parse(words)) return kDone;
    check_ending(line, "output", {".png", ".npy", ".npz", ".csv", ".wav", "/"});
    const auto count = line.get<int64_t>("count");
    Diagnostics diagnostics;
    auto trained = load_trained(line, diagnostics);
    if (!trained.ok()) return report(diagnostics);
    if (!use_own_data(line, *trained->model, line.text("function"), diagnostics))
        return report(diagnostics);
    auto pairs =
        runtime::reconstruct(*trained->model, line.text("function"), runtime::DataSplit::kTest,
                             count, line.get<uint64_t>("seed"), diagnostics);
    if (!pairs.ok()) return report(diagnostics);
    report_warnings(diagnostics);
    say_left_results(*trained->model, line.text("function"));
    const auto place =
        output_file(line, *trained, pairs->reconstructions, "reconstructions", diagnostics);
    if (!place.ok()) return report_output(line, diagnostics);
    const std::string& output = *place;
    runtime::ImageBatch originals, reconstructions;
    if (!output.ends_with(".png") || !as_images(pairs->originals, originals) ||
        !as_images(pairs->reconstructions, reconstructions)) {
        if (!write_examples(*trained->model, pairs->reconstructions, output_files(line, *trained),
                            output, diagnostics))
            return report_output(line, diagnostics);
    } else {
        const runtime::GridOptions grid =
            grid_options(*trained->model, pairs->reconstructions.like);
        take_range(grid_options(*trained->model, pairs->originals.like), grid, pairs->originals);
        const auto picture = runtime::pair_grid(originals, reconstructions, grid, diagnostics);
        if (!picture.ok() || !runtime::write_png(output, *picture, diagnostics))
            return report_output(line, diagnostics);
    }
    print_out("{}\n", output);
    return kDone;
}

}  // namespace gmc::tools
