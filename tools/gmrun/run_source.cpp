// Finds runs by model or folder, and reads options that several commands have.
#include "tools/gmrun/run_source.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "compiler/ir/artefact.h"
#include "compiler/support/paths.h"
#include "compiler/support/say.h"
#include "compiler/support/wording.h"
#include "runtime/files/atomic_file.h"
#include "runtime/run/kept_checkpoints.h"
#include "runtime/run/replay.h"
#include "runtime/run/run_folder.h"
#include "runtime/run/run_log.h"
#include "runtime/run/run_record.h"
#include "runtime/train/sampler.h"
#include "tools/gmrun/runs/missing_run.h"
#include "tools/gmrun/runs/run_differences.h"
#include "tools/gmrun/runs/run_history.h"
#include "tools/gmrun/tuning.h"

namespace gmc::tools {

namespace fs = std::filesystem;

std::string why_no_checkpoint(const std::string& folder) {
    if (!runtime::kept_checkpoints(folder).empty())
        return fmt::format("its `{}` is lost", runtime::kCheckpointName);
    const std::string diverged = "its training diverged before it wrote one";
    for (const fs::path& file : paths_in(folder))
        if (file.extension() == runtime::kReplayEnding) return diverged;
    Diagnostics unheard;
    const auto why = runtime::why_diverged(folder, unheard);
    if (why.ok() && !why->empty()) return diverged;
    return "its training ended before it wrote one, or has only begun";
}

namespace {

/// Of the runs of a model in `runs/` the one that is meant; "" when there is none.
std::string newest_run(const ir::Module& module, Needs needs) {
    const std::vector<runtime::FoundRun> all = runtime::RunFolder::all(module);
    if (all.empty()) return "";
    if (needs == Needs::kNothing) return all.front().folder;
    for (const runtime::FoundRun& run : all) runtime::RunFolder::settle(run.folder);
    const auto taken = std::find_if(all.begin(), all.end(), [](const runtime::FoundRun& run) {
        return runtime::has_checkpoint(run.folder);
    });
    if (taken == all.end()) return all.front().folder;
    for (auto skipped = all.begin(); skipped != taken; ++skipped) {
        using Of = runtime::FoundRun::Of;
        const bool alike = skipped->of == taken->of;
        say("gmrun: `{}` is taken; {}`{}`{} has no checkpoint: {}\n", taken->folder,
            alike ? "the newer " : "", skipped->folder,
            alike                      ? ""
            : skipped->of == Of::kFile ? ", which this very file began,"
                                       : ", which is of the same networks and data,",
            why_no_checkpoint(skipped->folder));
    }
    return taken->folder;
}

std::string run_folder(const std::string& model, const std::string& run, const ir::Module& module,
                       Needs needs) {
    const std::string folder = !run.empty() ? run : is_folder(model) ? model : "";
    if (folder.empty()) return newest_run(module, needs);
    if (needs == Needs::kCheckpoint) runtime::RunFolder::settle(folder);
    return folder;
}

Failure no_run(const std::string& model_name, const std::string& path, Diagnostics& diagnostics) {
    diagnostics
        .error(DiagnosticKind::kBadFile, {}, "model `{}` has no run in `runs/` yet", model_name)
        .help(fmt::format("train it first: gmrun train {}", path));
    return {};
}

Failure no_checkpoint(const std::string& folder, Diagnostics& diagnostics) {
    Diagnostic& error =
        diagnostics.error(DiagnosticKind::kBadFile, {}, "the run in `{}` has no checkpoint: {}",
                          folder, why_no_checkpoint(folder));
    if (const auto whole = runtime::newest_whole(folder))
        error.help(
            fmt::format("`{0}/{1}`, of step {2}, is whole: copied to `{0}/{3}` it is the run's "
                        "again; other commands take it by --checkpoint {4}",
                        folder, whole->file, whole->step, runtime::kCheckpointName, whole->name));
    return {};
}

/// Those that --checkpoint can name: "checkpoints are `last`, `best`, `step-00000500`".
std::string checkpoints_of(const std::string& folder) {
    std::vector<std::string> names{"last"};
    for (const std::string& name : runtime::kept_checkpoints(folder))
        names.push_back(name.substr(0, name.rfind('.')));
    return fmt::format("{} {}", by_count(names.size(), "checkpoint is", "checkpoints are"),
                       quoted_names(names));
}

/// The folder of the run that a checkpoint's file lies in; "" where it lies in none.
std::string run_around(const std::string& checkpoint) {
    if (checkpoint.find('/') == std::string::npos) return "";
    const fs::path file = fs::path(runtime::checkpoint_file(".", checkpoint)).lexically_normal();
    if (!is_regular(file.string())) return "";
    fs::path at = file.parent_path();
    if (at.filename() == "checkpoints") at = at.parent_path();
    if (at.empty()) at = ".";
    return is_there((at / "run.json").string()) ? at.string() : "";
}

/// The rows in which runs differ. Where the texts of the models or --set differ, only those rows:
/// they are what the author changed, and the other differences follow from them.
std::vector<Row> differing_rows(const std::vector<RunHistory>& runs) {
    std::vector<Row> rows = setting_rows(runs, false);
    const std::vector<Row> texts = text_rows(runs);
    const auto is_set = [](const Row& row) { return row.name.starts_with("--set "); };
    if (!texts.empty() || std::any_of(rows.begin(), rows.end(), is_set))
        std::erase_if(rows, [&](const Row& row) { return !is_set(row); });
    rows.insert(rows.end(), texts.begin(), texts.end());
    return rows;
}

}  // namespace

void add_run(CommandLine& line, const char* otherwise) {
    line.add_argument("MODEL", "a .gmc file, or the folder of a run");
    line.add_option<std::string>("run", "DIR",
                                 fmt::format("the run's folder; by default {}", otherwise));
}

void add_checkpoint(CommandLine& line) {
    line.add_option<std::string>(
        "checkpoint", "NAME",
        "which of the run's checkpoints: `best` or `step-N`, which `keep` keeps, or the path of a "
        "file, from the run's folder, from here, or absolute; by default the last",
        runtime::kCheckpointName);
}

std::string run_folder(const CommandLine& line, const ir::Module& module, Needs needs) {
    return run_folder(line.text("MODEL"), line.text("run"), module, needs);
}

namespace {

bool names_run(const CommandLine& line) { return line.has("run") || is_folder(line.text("MODEL")); }

/// Whether the module that the run keeps says what `model` says, but for comments.
bool is_told_alike(const runtime::LoadedModel& model, const std::string& folder) {
    Diagnostics unreadable;
    const auto kept = ir::read_artefact(folder + "/model.gmc", {}, unreadable);
    return kept.ok() && !kept->origin.texts.empty() && !model.module().origin.texts.empty() &&
           how_they_differ(model.module(), model.path(), folder).empty();
}

/// The runs that --resume may go on with where none is named, the one trained last in front: those
/// of this very file, else those that were told the same. None where all have other settings.
std::vector<std::string> runs_of_these_settings(const runtime::LoadedModel& model,
                                                const std::vector<runtime::FoundRun>& all) {
    using Of = runtime::FoundRun::Of;
    std::vector<std::string> folders;
    for (const runtime::FoundRun& run : all)
        if (run.of == Of::kFile) folders.push_back(run.folder);
    for (const runtime::FoundRun& run : all)
        if (all.front().of == Of::kModel && run.of == Of::kModel &&
            is_told_alike(model, run.folder))
            folders.push_back(run.folder);
    return folders;
}

/// The runs of the model have other settings.
Failure no_run_of_these_settings(const runtime::LoadedModel& model,
                                 const std::vector<runtime::FoundRun>& all,
                                 Diagnostics& diagnostics) {
    constexpr int64_t kMostNamed = 3;
    const auto of_model = std::count_if(all.begin(), all.end(), [](const runtime::FoundRun& run) {
        return run.of == runtime::FoundRun::Of::kModel;
    });
    Diagnostic& error = diagnostics.error(
        DiagnosticKind::kBadValue, {},
        "no run in runs/ was trained with the settings of `{}`: the {} of its networks and data "
        "{} others",
        model.path(), of_model == 1 ? "run" : fmt::format("{} runs", of_model),
        of_model == 1 ? "has" : "have");
    for (int64_t i = 0; i < std::min(of_model, kMostNamed); ++i) {
        const std::string& folder = all[static_cast<size_t>(i)].folder;
        const std::string how = how_they_differ(model.module(), model.path(), folder);
        error.note({},
                   how.empty()
                       ? fmt::format("`{}` does not say with which settings it was trained", folder)
                       : fmt::format("`{}` was trained with {}", folder, how));
    }
    if (of_model > kMostNamed)
        error.note({}, fmt::format("and {}", counted(of_model - kMostNamed, "older run")));
    error.help(
        fmt::format("without --resume a new run begins; `--resume --run {}` goes on with that run, "
                    "with the new settings",
                    all.front().folder));
    return {};
}

}  // namespace

Result<std::string> run_to_resume(const CommandLine& line, const runtime::LoadedModel& model,
                                  Diagnostics& diagnostics) {
    if (names_run(line)) return run_folder(line, model.module(), Needs::kNothing);
    const std::vector<runtime::FoundRun> all = runtime::RunFolder::all(model.module());
    if (all.empty() || all.front().of == runtime::FoundRun::Of::kName)
        return all.empty() ? std::string() : all.front().folder;
    const std::vector<std::string> folders = runs_of_these_settings(model, all);
    if (folders.empty()) return no_run_of_these_settings(model, all, diagnostics);
    return folders.front();
}

void say_which_of_several(const CommandLine& line, const runtime::LoadedModel& model) {
    if (names_run(line)) return;
    const std::vector<std::string> folders =
        runs_of_these_settings(model, runtime::RunFolder::all(model.module()));
    if (folders.size() > 1)
        say("gmrun: of {} runs with the settings of `{}`, `{}` was trained last and goes on; --run "
            "names another\n",
            folders.size(), model.path(), folders.front());
}

Result<std::string> run_folder(const std::string& run, Needs needs, Diagnostics& diagnostics) {
    if (needs == Needs::kCheckpoint) runtime::RunFolder::settle(run);
    if (!expect_run(run, diagnostics)) return Failure{};
    if (is_folder(run) && needs != Needs::kNothing && !runtime::has_checkpoint(run))
        return no_checkpoint(run, diagnostics);
    if (!is_regular(run)) return run;
    const Result<ir::Module> module = ir::read_artefact(run, {}, diagnostics);
    if (!module.ok()) return Failure{};
    std::string folder = newest_run(*module, needs);
    if (folder.empty()) return no_run(module->name, run, diagnostics);
    say_other_settings(*module, run, folder);
    return folder;
}

Result<std::vector<std::string>> run_folders(const std::vector<std::string>& runs,
                                             Diagnostics& diagnostics) {
    std::vector<std::string> folders;
    for (const std::string& run : runs) {
        auto folder = run_folder(run, Needs::kNothing, diagnostics);
        if (!folder.ok()) return Failure{};
        for (size_t i = 0; i < folders.size(); ++i) {
            std::error_code error;
            if (!fs::equivalent(folders[i], *folder, error)) continue;
            diagnostics
                .error(DiagnosticKind::kBadValue, {}, "`{}` and `{}` are one run, `{}`", runs[i],
                       run, *folder)
                .help(is_folder(run) ? "name each run once"
                                     : "a .gmc file has a run of its own once it is trained");
            return Failure{};
        }
        folders.push_back(folder.take());
    }
    return folders;
}

std::string how_they_differ(const ir::Module& module, const std::string& path,
                            const std::string& folder, const char* here) {
    constexpr uint64_t kLargest = uint64_t{1} << 32;
    constexpr size_t kMostListed = 4;
    Diagnostics unreadable;  // an old run has no record
    const auto text = runtime::read_whole_file(path, kLargest, unreadable);
    const auto there = runtime::read_whole_file(folder + "/model.gmc", kLargest, unreadable);
    if (!text.ok() || !there.ok() || *text == *there || module.origin.texts.empty()) return "";
    const auto run = read_run(folder, unreadable);
    if (!run.ok()) return "";
    std::vector<RunHistory> both{*run, *run};
    both[1].module = module;
    const std::vector<Row> rows = differing_rows(both);
    const auto said = [](const std::string& value) {
        return value == kNotSet ? "nothing" : fmt::format("`{}`", value);
    };
    std::vector<std::string> parts;
    for (const Row& row : rows) {
        if (parts.size() == kMostListed) break;
        parts.push_back(
            fmt::format("{} {}, {} {}", row.name, said(row.values[0]), here, said(row.values[1])));
    }
    if (rows.size() > kMostListed)
        parts.push_back(fmt::format("and {} more", rows.size() - kMostListed));
    return fmt::format("{}", fmt::join(parts, "; "));
}

void say_other_settings(const ir::Module& module, const std::string& path,
                        const std::string& folder) {
    Diagnostics unreadable;
    const auto record = runtime::read_run_record(folder + "/run.json", unreadable);
    if (!record.ok()) return;
    const std::string other = runtime::difference(*record, module.origin);
    if (const std::string how = how_they_differ(module, path, folder); !how.empty())
        say("gmrun: the run in `{}` was trained with {} than `{}`: {}\n", folder,
            other == runtime::kOtherModel ? other : "other settings", path, how);
}

/// States of the same shapes may have been trained with other losses, of which they say nothing.
/// A run without a record is what its checkpoint says.
void say_of_another(const runtime::LoadedModel& model, const std::string& folder,
                    const std::string& checkpoint) {
    Diagnostics unreadable;
    const auto read = runtime::read_run_record(folder + "/run.json", unreadable);
    runtime::RunRecord record;
    if (read.ok()) {
        record = *read;
    } else {
        const auto written = runtime::origin_of_checkpoint(checkpoint);
        record.origin.model = written.model;
        record.origin.data = written.data;
        record.seed = written.seed.value_or(record.seed);
    }
    const std::string other = runtime::difference(record, model.module().origin);
    const std::string how =
        other.empty() ? "" : how_they_differ(model.module(), model.path(), folder);
    if (!other.empty())
        say("gmrun: warning: the run in `{}` has {} than `{}`, which computes with its weights{}\n",
            folder, other, model.path(), how.empty() ? "" : ": " + how);
    else
        say_other_settings(model.module(), model.path(), folder);
    if (const std::string whose = runtime::another_runs(checkpoint, record, folder); !whose.empty())
        say("gmrun: {}\n", whose);
}

Result<std::unique_ptr<runtime::LoadedModel>> load_model(const std::string& text,
                                                         Diagnostics& diagnostics,
                                                         runtime::LoadedModel::Purpose purpose,
                                                         runtime::Sharing sharing) {
    runtime::RunFolder::settle(text);
    if (!expect_run(text, diagnostics)) return Failure{};
    const std::string path = runtime::model_path(text);
    auto model = runtime::LoadedModel::load(path, diagnostics, purpose, sharing);
    if (!model.ok() && path != text && !is_there(path))
        diagnostics.note_last(
            {}, fmt::format("the run goes on without it: name another .gmc of the model instead, "
                            "with `--run {0}`; `{0}/run.json` has the text of the model, as "
                            "`sources`, to compile one from",
                            text));
    return model;
}

Result<std::unique_ptr<runtime::LoadedModel>> load_model(const CommandLine& line,
                                                         Diagnostics& diagnostics,
                                                         runtime::LoadedModel::Purpose purpose,
                                                         runtime::Sharing sharing) {
    return load_model(line.text("MODEL"), diagnostics, purpose, sharing);
}

Result<TrainedModel> load_trained(const CommandLine& line, Diagnostics& diagnostics) {
    set_computing(line);
    return load_trained(line.text("MODEL"), line.text("run"), diagnostics, line.text("checkpoint"));
}

Result<TrainedModel> load_trained(const std::string& model_text, const std::string& run,
                                  Diagnostics& diagnostics, const std::string& checkpoint) {
    auto model = load_model(model_text, diagnostics);
    if (!model.ok()) return Failure{};
    const std::string name = (*model)->module().name;
    // A checkpoint that is named by its path is of the run that it lies in.
    const std::string around = run.empty() && !is_folder(model_text) ? run_around(checkpoint) : "";
    const std::string folder =
        !around.empty() ? around
                        : run_folder(model_text, run, (*model)->module(), Needs::kCheckpoint);
    if (folder.empty()) return no_run(name, model_text, diagnostics);
    if (!run.empty() && !expect_run(run, diagnostics)) return Failure{};
    if (checkpoint == runtime::kCheckpointName && is_there(folder + "/run.json") &&
        !runtime::has_checkpoint(folder)) {
        return no_checkpoint(folder, diagnostics);
    }
    if (checkpoint != runtime::kCheckpointName &&
        !is_there(runtime::checkpoint_file(folder, checkpoint))) {
        diagnostics
            .error(DiagnosticKind::kBadFile, {}, "the run in `{}` has no checkpoint `{}`", folder,
                   checkpoint)
            .help("its " + checkpoints_of(folder));
        return Failure{};
    }
    auto trained = runtime::with_weights(model.take(), folder, checkpoint, diagnostics);
    if (!trained.ok()) {
        if (checkpoint == runtime::kCheckpointName)
            runtime::help_with_kept_checkpoint(folder, diagnostics);
        else
            diagnostics.note_last({}, "the run's " + checkpoints_of(folder));
        return Failure{};
    }
    say_of_another(*trained->model, folder, trained->checkpoint);
    const auto why = runtime::why_diverged(folder, diagnostics);
    if (!why.ok()) return Failure{};
    const int64_t step = trained->training.weights_step();
    const std::string weights = step == trained->training.step
                                    ? fmt::format("the weights of step {}", step)
                                    : runtime::name_of_earlier_weights(step);
    if (!why->empty())
        say("gmrun: training in `{}` ended since {}; these are {}\n", folder, *why, weights);
    else if (step != trained->training.step)
        say("gmrun: the checkpoint of step {} has {}\n", trained->training.step, weights);
    report_warnings(diagnostics);
    return trained;
}

namespace {

std::optional<int64_t> whole_number(const std::string& text) {
    int64_t number = 0;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, number);
    return parsed.ec == std::errc() && parsed.ptr == end ? std::optional(number) : std::nullopt;
}

}  // namespace

void add_label(CommandLine& line, const std::string& otherwise) {
    line.add_list(
        "label", "NAME",
        "the class of all samples, by name or, unless names are numbers, by number, where "
        "the function takes a label; of several labels FIELD=NAME says which, each in a "
        "--label of its own; without it " +
            otherwise);
}

namespace {

/// Which class --label means, of the classes of `fields` in turn. Where a class is called "7", a
/// number is a name, and no place in the list: the classes 1 to 12 would be confused with the
/// numbers 0 to 11. Else any number is passed on; whether there are so many classes is checked
/// where samples are made.
Result<int64_t> class_called(const std::string& wanted, const std::string& model,
                             const std::vector<const ir::DataField*>& fields,
                             Diagnostics& diagnostics) {
    std::vector<std::string> known;
    for (const ir::DataField* field : fields) {
        const std::vector<std::string>& names = field->class_names;
        const auto found = std::find(names.begin(), names.end(), wanted);
        if (found != names.end()) return static_cast<int64_t>(found - names.begin());
        known.insert(known.end(), names.begin(), names.end());
    }
    const std::optional<int64_t> number = whole_number(wanted);
    if (number && std::none_of(known.begin(), known.end(), whole_number)) return *number;
    Diagnostic& error = diagnostics.error(DiagnosticKind::kUnknownName, {},
                                          "--label: no class of model `{}` is called `{}`{}", model,
                                          wanted, suggestion(wanted, known));
    constexpr size_t kMostListed = 30;
    if (known.empty())
        error.help("its classes have no names: give a number");
    else if (known.size() > kMostListed)
        error.help(fmt::format("`gmrun info` lists its {} classes", known.size()));
    else
        error.help(fmt::format("its {} {}", by_count(known.size(), "class is", "classes are"),
                               quoted_names(known)));
    return Failure{};
}

}  // namespace

/// Which class one --label says, `wanted`: of several labels, the one that is named becomes a
/// setting, and samples go through the classes of the others. False after an error.
static bool take_label(std::string wanted, const ir::Module& module, const ir::Function* function,
                       std::vector<runtime::InputSetting>& settings, std::optional<int64_t>& all,
                       Diagnostics& diagnostics) {
    std::vector<const ir::DataField*> labels;
    if (function != nullptr) labels = runtime::label_inputs(module, *function, settings);
    const bool is_set = std::any_of(settings.begin(), settings.end(), [&](const auto& setting) {
        return wanted.starts_with(setting.field + "=");
    });
    if (is_set || all) {
        diagnostics.error(DiagnosticKind::kBadValue, {}, "--label {}: {} has a class already",
                          wanted,
                          is_set ? "`" + wanted.substr(0, wanted.find('=')) + "`" : "the label");
        return false;
    }
    std::vector<const ir::DataField*> meant = labels;
    for (const ir::DataField* field : labels)
        if (wanted.starts_with(field->name + "=")) {
            wanted = wanted.substr(field->name.size() + 1);
            meant = {field};
            break;
        }
    if (meant.size() > 1) {
        std::vector<std::string> names;
        for (const ir::DataField* field : labels) names.push_back(field->name);
        diagnostics
            .error(DiagnosticKind::kBadValue, {}, "--label {}: function `{}` takes {} labels, {}",
                   wanted, function->name, names.size(), quoted_names(names))
            .help(fmt::format("say which: `--label {}={}`", names.front(), wanted));
        return false;
    }
    if (meant.empty())  // an error where samples are made, unless there is no such class at all
        for (const ir::DataField& field : module.data) meant.push_back(&field);
    const auto number = class_called(wanted, module.name, meant, diagnostics);
    if (!number.ok()) return false;
    if (labels.size() < 2) {
        all = *number;
    } else {
        const auto value = static_cast<float>(*number);
        settings.push_back({meant.front()->name, {value}, {value}, 1});
    }
    return true;
}

Result<std::optional<int64_t>> label(const CommandLine& line, const runtime::LoadedModel& model,
                                     const std::string& function,
                                     std::vector<runtime::InputSetting>& settings,
                                     Diagnostics& diagnostics) {
    const ir::Module& module = model.module();
    const ir::Function* found = module.find_function(function);
    std::optional<int64_t> all;
    for (const std::string& wanted : line.list("label"))
        if (!take_label(wanted, module, found, settings, all, diagnostics)) return Failure{};
    return all;
}

void say_left_results(const runtime::LoadedModel& model, const std::string& function) {
    const ir::Function* found = model.module().find_function(function);
    if (found == nullptr || found->results.size() < 2) return;
    const bool takes_data = std::any_of(found->inputs.begin(), found->inputs.end(),
                                        [](const auto& input) { return input.source.is_data(); });
    say("gmrun: function `{}` has {} results, and only `{}` is written{}\n", function,
        found->results.size(), found->results[0].name,
        takes_data ? fmt::format("; `gmrun encode --function {}` writes all of them", function)
                   : "");
}

}  // namespace gmc::tools
