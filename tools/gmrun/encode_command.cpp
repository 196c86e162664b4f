// gmrun encode: writes what a function of the model computes from data, as arrays.
#include <filesystem>
#include <set>

#include "compiler/support/say.h"
#include "runtime/output/npy.h"
#include "tools/gmrun/commands.h"
#include "tools/gmrun/output/write_output.h"
#include "tools/gmrun/own_data.h"
#include "tools/gmrun/run_source.h"
#include "tools/gmrun/tuning.h"

namespace gmc::tools {

/// A name such as out.npy for --output would become a folder with that name, which nobody means, so
/// endings of files are refused.
int encode_command(const Words& words) {
    namespace fs = std::filesystem;
    CommandLine line(
        "gmrun encode [options] MODEL",
        "Writes the results of the model's function `encode` for the test data (for the "
        "training data where the model names none), in order: a file RESULT.npy per result, "
        "float32, N x ...");
    add_run(line);
    add_own_data(line);
    add_checkpoint(line);
    add_computing(line);
    line.add_flag("train-data", "encode the training data instead");
    line.add_option<int64_t>("count", "N", "the first so many examples; by default all", kFromOne);
    line.add_option<uint64_t>("seed", "N", "seed of noise, if the function draws any", 1);
    line.add_option<std::string>("function", "NAME",
                                 "another function of the model that takes data", "encode");
    line.add_option<std::string>("output,o", "FOLDER",
                                 "where the files go; by default encoded/ in the run's folder");
    if (!line.parse(words)) return kDone;
    const int64_t count = line.has("count") ? line.get<int64_t>("count") : 0;
    static const std::set<std::string> kFiles = {".npy", ".npz", ".csv", ".png", ".jpg", ".jpeg"};
    if (kFiles.count(fs::path(line.text("output")).extension()) > 0)
        throw UsageError(
            fmt::format("--output is a folder, not a file such as `{}`", line.text("output")));
    Diagnostics diagnostics;
    auto trained = load_trained(line, diagnostics);
    if (!trained.ok()) return report(diagnostics);
    const auto split =
        line.flag("train-data") ? runtime::DataSplit::kTrain : runtime::DataSplit::kTest;
    if (!use_own_data(line, *trained->model, line.text("function"), diagnostics))
        return report(diagnostics);
    const auto results = runtime::encode(*trained->model, line.text("function"), split, count,
                                         line.get<uint64_t>("seed"), diagnostics);
    if (!results.ok()) return report(diagnostics);
    report_warnings(diagnostics);
    say_kept_out(*trained->model, split);
    const OutputFiles files = output_files(line, *trained);
    const auto place = output_or(line, files, trained->folder + "/encoded", diagnostics);
    if (!place.ok()) return report_output(line, diagnostics);
    const std::string folder = line.has("output") ? line.text("output") : *place;
    std::error_code error;
    const bool made = fs::create_directories(folder, error);
    if (error)
        diagnostics.error(DiagnosticKind::kBadFile, {}, "the folder `{}` cannot be made: {}",
                          folder, error.message());
    for (const auto& [name, examples] : *results) {
        const std::string file = folder + "/" + name + ".npy";
        if (error || !files.may_write(file, diagnostics) ||
            !runtime::write_npy(file, examples.shape, examples.values, diagnostics)) {
            if (made) fs::remove(folder, error);  // fails where a first file has been written
            return report_output(line, diagnostics);
        }
        print_out("{}: {}\n", file, ir::to_string(examples.shape));
    }
    return kDone;
}

}  // namespace gmc::tools
