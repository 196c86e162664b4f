// Resolution of runs, and writing of what models make.
#include "tools/gmrun/run_source.h"

#include <filesystem>

#include "runtime/output/npy.h"
#include "runtime/output/png.h"

namespace gmc::tools {

namespace fs = std::filesystem;

namespace {

std::string numbered(const std::string& name, int number) {
    return "runs/" + name + (number == 1 ? "" : fmt::format("-{}", number));
}

}  // namespace

void add_run(CommandLine& line) {
    line.add_argument("MODEL", "a .gmc file, or the folder of a run");
    line.options().add_options()("run",
                                 boost::program_options::value<std::string>()->value_name("DIR"),
                                 "the run's folder; by default the newest of this model in runs/");
}

std::string run_folder(const CommandLine& line, const std::string& model_name) {
    if (line.has("run")) return line.text("run");
    if (fs::is_directory(line.text("MODEL"))) return line.text("MODEL");
    std::string newest;
    for (int number = 1; fs::exists(numbered(model_name, number)); ++number)
        newest = numbered(model_name, number);
    return newest;
}

std::string new_run_folder(const std::string& model_name) {
    int number = 1;
    while (fs::exists(numbered(model_name, number))) ++number;
    return numbered(model_name, number);
}

std::string model_path(const CommandLine& line) {
    const std::string model = line.text("MODEL");
    return fs::is_directory(model) ? model + "/model.gmc" : model;
}

Result<TrainedModel> load_trained(const CommandLine& line, Diagnostics& diagnostics) {
    TrainedModel trained;
    auto model = runtime::LoadedModel::load(model_path(line), diagnostics);
    if (!model.ok()) return Failure{};
    trained.model = model.take();
    trained.folder = run_folder(line, trained.model->module().name);
    if (trained.folder.empty()) {
        diagnostics
            .error(DiagnosticKind::kBadFile, {}, "model `{}` has no run in `runs/` yet",
                   trained.model->module().name)
            .help(fmt::format("train it first: gmrun train {}", model_path(line)));
        return Failure{};
    }
    if (!runtime::read_checkpoint(trained.folder + "/checkpoint", trained.model->states(),
                                  trained.training, diagnostics))
        return Failure{};
    return trained;
}

bool write_examples(const runtime::LoadedModel& model, const runtime::Examples& examples,
                    const std::string& path, Diagnostics& diagnostics) {
    if (path.ends_with(".npy"))
        return runtime::write_npy(path, examples.shape, examples.values, diagnostics);
    runtime::ImageBatch images;
    if (!as_images(examples, images)) {
        diagnostics
            .error(DiagnosticKind::kShapeMismatch, {},
                   "examples of shape {} are no images, so `{}` cannot be drawn",
                   ir::to_string(examples.shape), path)
            .help("write the numbers instead: --output FILE.npy");
        return false;
    }
    const auto picture = runtime::image_grid(images, grid_options(model), diagnostics);
    return picture.ok() && runtime::write_png(path, *picture, diagnostics);
}

runtime::GridOptions grid_options(const runtime::LoadedModel& model) {
    runtime::GridOptions grid;
    const runtime::ValueRange range = model.range(runtime::image_field(model));
    grid.low = range.low;
    grid.high = range.high;
    return grid;
}

}  // namespace gmc::tools
