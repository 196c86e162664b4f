// Finds runs by model or folder, and writes examples as arrays or pictures.
#include "tools/gmrun/run_source.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "runtime/output/npy.h"
#include "runtime/output/png.h"
#include "runtime/run/run_folder.h"
#include "runtime/run/run_record.h"
#include "runtime/train/picture.h"
#include "runtime/train/write_back.h"

namespace gmc::tools {

namespace fs = std::filesystem;

namespace {

std::string run_folder(const std::string& model, const std::string& run,
                       const std::string& model_name) {
    if (!run.empty()) return run;
    if (fs::is_directory(model)) return model;
    return runtime::RunFolder::newest(model_name);
}

/// The run may have been trained with other losses, of which its states say nothing.
void warn_of_another_model(const runtime::LoadedModel& model, const std::string& folder) {
    Diagnostics unreadable;  // an old run has no record
    const auto record = runtime::read_run_record(folder + "/run.json", unreadable);
    if (!record.ok()) return;
    const std::string other = runtime::difference(*record, model.module().origin);
    if (!other.empty())
        fmt::print(stderr, "gmrun: the run in `{}` has {} than `{}`\n", folder, other,
                   model.path());
}

}  // namespace

void add_run(CommandLine& line, const char* otherwise) {
    line.add_argument("MODEL", "a .gmc file, or the folder of a run");
    line.add_option<std::string>("run", "DIR",
                                 fmt::format("the run's folder; by default {}", otherwise));
}

void add_checkpoint(CommandLine& line) {
    line.add_option<std::string>("checkpoint", "NAME",
                                 "which of the run's checkpoints, such as checkpoints/best; by "
                                 "default the last",
                                 "checkpoint");
}

std::string run_folder(const CommandLine& line, const std::string& model_name) {
    return run_folder(line.text("MODEL"), line.text("run"), model_name);
}

std::string model_path(const CommandLine& line) { return runtime::model_path(line.text("MODEL")); }

Result<TrainedModel> load_trained(const CommandLine& line, Diagnostics& diagnostics) {
    return load_trained(line.text("MODEL"), line.text("run"), diagnostics, line.text("checkpoint"));
}

Result<TrainedModel> load_trained(const std::string& model_text, const std::string& run,
                                  Diagnostics& diagnostics, const std::string& checkpoint) {
    const std::string path = runtime::model_path(model_text);
    auto model = runtime::LoadedModel::load(path, diagnostics);
    if (!model.ok()) return Failure{};
    const std::string name = (*model)->module().name;
    const std::string folder = run_folder(model_text, run, name);
    if (folder.empty()) {
        diagnostics
            .error(DiagnosticKind::kBadFile, {}, "model `{}` has no run in `runs/` yet", name)
            .help(fmt::format("train it first: gmrun train {}", path));
        return Failure{};
    }
    auto trained = runtime::with_weights(model.take(), folder, checkpoint, diagnostics);
    if (trained.ok()) warn_of_another_model(*trained->model, folder);
    return trained;
}

bool write_examples(runtime::LoadedModel& model, const runtime::Examples& examples,
                    const std::string& path, Diagnostics& diagnostics, int64_t columns) {
    if (path.ends_with(".npy"))
        return runtime::write_npy(path, examples.shape, examples.values, diagnostics);
    if (path.ends_with(".csv")) return runtime::write_rows(model, examples, path, diagnostics);
    if (path.ends_with(".wav")) return runtime::write_sound(model, examples, path, diagnostics);
    if (!runtime::is_drawable(examples.shape)) {
        diagnostics
            .error(DiagnosticKind::kShapeMismatch, {},
                   "examples of shape {} are neither images nor points of the plane, so `{}` "
                   "cannot be drawn",
                   ir::to_string(examples.shape), path)
            .help("write the numbers instead: --output FILE.npy");
        return false;
    }
    const auto picture = runtime::draw(model, examples, columns, diagnostics);
    return picture.ok() && runtime::write_png(path, *picture, diagnostics);
}

void check_output_name(const CommandLine& line, std::initializer_list<std::string_view> endings) {
    const std::string name = line.text("output");
    const auto fits = [&](std::string_view ending) { return name.ends_with(ending); };
    if (!line.has("output") || std::any_of(endings.begin(), endings.end(), fits)) return;
    throw UsageError(
        fmt::format("--output `{}` ends in none of {}", name, fmt::join(endings, ", ")));
}

std::string output_file(const CommandLine& line, const TrainedModel& trained,
                        const ir::Shape& shape, const std::string& name) {
    if (line.has("output")) return line.text("output");
    const std::string ending = runtime::written_as(*trained.model, shape);
    return fmt::format("{}/{}.{}", trained.folder, name, ending.empty() ? "png" : ending);
}

void add_label(CommandLine& line, const std::string& otherwise) {
    line.add_option<std::string>(
        "label", "NAME",
        "the class of all samples, by name or number, where the function takes a label; without "
        "it " +
            otherwise);
}

Result<std::optional<int64_t>> label(const CommandLine& line, const runtime::LoadedModel& model,
                                     Diagnostics& diagnostics) {
    if (!line.has("label")) return std::optional<int64_t>();
    const std::string wanted = line.text("label");
    std::vector<std::string> known;
    for (const ir::DataField& field : model.module().data) {
        const std::vector<std::string>& names = field.class_names;
        const auto found = std::find(names.begin(), names.end(), wanted);
        if (found != names.end()) return std::optional<int64_t>(found - names.begin());
        known.insert(known.end(), names.begin(), names.end());
    }
    int64_t number = 0;
    const char* end = wanted.data() + wanted.size();
    const auto parsed = std::from_chars(wanted.data(), end, number);
    if (parsed.ec == std::errc() && parsed.ptr == end) return std::optional<int64_t>(number);
    Diagnostic& error = diagnostics.error(DiagnosticKind::kUnknownName, {},
                                          "--label: no class of model `{}` is called `{}`{}",
                                          model.module().name, wanted, suggestion(wanted, known));
    if (known.empty())
        error.help("its classes have no names: give a number");
    else
        error.help("`gmrun info` lists the classes");
    return Failure{};
}

void add_settings(CommandLine& line, const std::string& each) {
    line.add_list("set-input", "NAME=VALUE",
                  "what the data field NAME is in samples, where the function takes it: angle=0.3, "
                  "or angle=-1:1:8 for 8 values from -1 to 1, " +
                      each);
}

bool read_settings(const CommandLine& line, std::vector<runtime::InputSetting>& settings,
                   Diagnostics& diagnostics) {
    for (const std::string& text : line.list("set-input")) {
        const auto setting = runtime::parse_input_setting(text, diagnostics);
        if (!setting.ok()) return false;
        settings.push_back(*setting);
    }
    return true;
}

}  // namespace gmc::tools
