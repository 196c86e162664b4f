// gmrun interpolate: draws rows of samples that change from one sample into another.
#include "runtime/train/interpolate.h"

#include <algorithm>

#include "compiler/support/paths.h"
#include "compiler/support/say.h"
#include "tools/gmrun/commands.h"
#include "tools/gmrun/input_settings.h"
#include "tools/gmrun/output/write_output.h"
#include "tools/gmrun/run_source.h"
#include "tools/gmrun/tuning.h"

namespace gmc::tools {
namespace {

constexpr int64_t kRowsUsual = 8;
constexpr int64_t kRowsMost = 1000;

}  // namespace

/// The noise of both ends is drawn like that of samples with the same seed, so a row shows the way
/// between two pictures that `gmrun sample` also draws.
int interpolate_command(const Words& words) {
    CommandLine line(
        "gmrun interpolate [options] MODEL",
        "Draws rows of samples from one noise vector to another: on the arc between them where the "
        "noise is normal, on the straight line where it is uniform. Row r goes from sample 2r to "
        "sample 2r + 1.");
    add_run(line);
    add_checkpoint(line);
    add_computing(line);
    line.add_option<int64_t>(
        "rows", "N",
        "how many pairs of noise vectors; by default 8, or as many as --set-input has values",
        Range{1, kRowsMost});
    line.add_option<int64_t>("columns", "N", "samples from one end to the other, both included", 10,
                             Range{2, 1000});
    line.add_option<uint64_t>("seed", "N", "seed of the noise", 1);
    line.add_option<std::string>("function", "NAME", "the model's function that makes samples",
                                 "sample");
    line.add_option<std::string>(
        "output,o", "FILE",
        "FILE.png: a picture; FILE.npy: float32, rows * columns x ... in the data's range; "
        "FILE.csv "
        "for tables, FILE.wav for sound: row r in their lines or windows r * columns to "
        "(r + 1) * columns - 1; by default interpolation.png in the run's folder, of tables .csv "
        "and "
        "of sound .wav");
    add_label(line, "row r is of class r mod classes");
    add_settings(line, "each a row");
    if (!line.parse(words)) return kDone;
    check_ending(line, "output", {".png", ".npy", ".csv", ".wav"});
    runtime::InterpolateOptions options;
    options.function = line.text("function");
    options.columns = line.get<int64_t>("columns");
    options.seed = line.get<uint64_t>("seed");
    Diagnostics diagnostics;
    auto trained = load_trained(line, diagnostics);
    if (!trained.ok()) return report(diagnostics);
    if (!read_settings(line, *trained, options.function, options.settings, diagnostics))
        return report(diagnostics);
    const auto wanted =
        label(line, *trained->model, options.function, options.settings, diagnostics);
    if (!wanted.ok()) return report(diagnostics);
    options.label = *wanted;
    const int64_t grid = runtime::grid_size(options.settings);
    options.rows = line.has("rows") ? line.get<int64_t>("rows")
                   : grid > 1       ? std::min(grid, kRowsMost)
                                    : kRowsUsual;
    warn_of_cut_grid(line, options.settings, options.rows, "rows");
    const auto samples = runtime::interpolate(*trained->model, options, diagnostics);
    if (!samples.ok()) return report(diagnostics);
    const auto place = output_file(line, *trained, *samples, "interpolation", diagnostics);
    if (!place.ok()) return report_output(line, diagnostics);
    const std::string& output = *place;
    if (!write_examples(*trained->model, *samples, output_files(line, *trained), output,
                        diagnostics, options.columns))
        return report_output(line, diagnostics);
    print_out("{}\n", output);
    return kDone;
}

}  // namespace gmc::tools
