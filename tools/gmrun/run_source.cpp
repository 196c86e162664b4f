// Finds runs by model or folder, and reads options that several commands have.
#include "tools/gmrun/run_source.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "runtime/run/run_folder.h"
#include "runtime/run/run_record.h"

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
                                 runtime::kCheckpointName);
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
    if (!trained.ok()) return Failure{};
    warn_of_another_model(*trained->model, folder);
    report_warnings(diagnostics);
    return trained;
}

void add_label(CommandLine& line, const std::string& otherwise) {
    line.add_option<std::string>(
        "label", "NAME",
        "the class of all samples, by name or number, where the function takes a label; without "
        "it " +
            otherwise);
}

/// Names of classes come before numbers, as a class may be called "7". Any number is passed on;
/// whether there are so many classes is checked where samples are made.
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
    constexpr size_t kMostListed = 30;
    if (known.empty())
        error.help("its classes have no names: give a number");
    else if (known.size() > kMostListed)
        error.help(fmt::format("`gmrun info` lists its {} classes", known.size()));
    else
        error.help(fmt::format("its classes are {}", quoted_names(known)));
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
