// gmrun replay: runs the step again in which a run went wrong, to find the operation at fault.
#include <filesystem>

#include "compiler/support/paths.h"
#include "compiler/support/say.h"
#include "runtime/contractions/choice/tuning_machine.h"
#include "runtime/doctor/first_not_finite.h"
#include "runtime/run/replay.h"
#include "runtime/run/run_files.h"
#include "runtime/run/run_record.h"
#include "tools/gmrun/commands.h"
#include "tools/gmrun/replay.h"
#include "tools/gmrun/run_source.h"
#include "tools/gmrun/runs/missing_run.h"
#include "tools/gmrun/runs/run_history.h"

namespace gmc::tools {

Result<std::string> finding_in(const runtime::Replay& replay, runtime::LoadedModel& model,
                               Diagnostics& diagnostics) {
    const auto found = runtime::find_first_not_finite(model, replay, diagnostics);
    if (!found.ok()) return Failure{};
    return fmt::format(
        "step {}: {}\n", replay.training.step + 1,
        *found ? runtime::text_of(**found)
               : "repeated here, it makes no loss, no metric and no state that is not finite");
}

namespace {

namespace fs = std::filesystem;

/// The last replay of the run in `folder`; "" when there is none.
std::string last_replay(const std::string& folder) {
    const auto written = [](const fs::path& file) {
        std::error_code ignored;
        return fs::last_write_time(file, ignored);
    };
    for (const std::string& from : {folder, folder + "/" + runtime::kDiverged}) {
        fs::path last;
        for (const fs::path& file : paths_in(from))
            if (file.extension() == runtime::kReplayEnding && is_regular(file.string()) &&
                (last.empty() || written(file) > written(last)))
                last = file;
        if (!last.empty()) return last.string();
    }
    return "";
}

/// Why a run has no replay, or not the one called `name`, by its log: its training did not diverge,
/// or the file is gone.
void tell_why_no_replay(const std::string& folder, const std::string& name,
                        Diagnostics& diagnostics) {
    const auto why = last_divergence(folder, diagnostics);
    if (!why.ok()) return;
    const std::string file =
        runtime::is_replay(name) ? name : std::string("file diverged-step-N.replay");
    if (why->empty()) {
        diagnostics.error(DiagnosticKind::kBadFile, {},
                          "`{}` has no {}, and its metrics.jsonl tells of no divergence", folder,
                          file);
        return;
    }
    diagnostics
        .error(DiagnosticKind::kBadFile, {},
               "`{}` has no {}: training diverged, as {}, but the file was removed, or could not "
               "be written",
               folder, file, *why)
        .help("training that comes to such a step again writes another one");
}

/// A file that is not there. What a run wrote that was to replace another one, and diverged, is
/// elsewhere by the time that the other one is back.
Result<std::string> moved_replay(const std::string& given, Diagnostics& diagnostics) {
    const fs::path file(given), folder = file.has_parent_path() ? file.parent_path() : ".";
    if (!runtime::is_replay(file.filename().string())) return no_such_run(given, diagnostics);
    const std::string moved = (folder / runtime::kDiverged / file.filename()).string();
    if (is_there(moved)) {
        say("gmrun: `{}` is taken: the run that it was to replace is back\n", moved);
        return moved;
    }
    const std::string last = last_replay(folder.string());
    if (last.empty()) {
        if (!is_there((folder / "run.json").string())) return no_such_run(given, diagnostics);
        tell_why_no_replay(folder.string(), file.filename().string(), diagnostics);
        return Failure{};
    }
    diagnostics.error(DiagnosticKind::kBadFile, {}, "there is no `{}`", given)
        .help(fmt::format("the last replay of that run is `{}`", last));
    return Failure{};
}

/// The replay that is meant: a file, or the last of the folder of a run or of a model's newest run.
Result<std::string> replay_file(const std::string& given, Diagnostics& diagnostics) {
    if (!is_there(given)) return moved_replay(given, diagnostics);
    if (!is_folder(given) && fs::path(given).extension() != ".gmc") return given;
    const auto folder = run_folder(given, Needs::kNothing, diagnostics);
    if (!folder.ok()) return Failure{};
    if (const std::string last = last_replay(*folder); !last.empty()) return last;
    tell_why_no_replay(*folder, "", diagnostics);
    return Failure{};
}

/// Refuses a replay of other networks or losses. Where only the steps are others, as with another
/// learning rate, this may be what the command is for, and is said.
bool is_of(const runtime::LoadedModel& model, const std::string& file, Diagnostics& diagnostics) {
    const auto header = runtime::read_checkpoint_header(file, diagnostics);
    if (!header.ok()) return false;
    if (!runtime::train_alike(header->model_fingerprint, model.module().origin.model)) {
        diagnostics
            .error(DiagnosticKind::kBadFile, {}, "`{}` is a replay of {} than those of `{}`", file,
                   runtime::kOtherModel, model.path())
            .help("name the model of that run by --model; a run keeps it as model.gmc");
        return false;
    }
    if (!header->functions.empty() && header->functions != model.checksum_of_functions())
        say("gmrun: warning: `{}` is not the model that `{}` is a replay of: its steps are "
            "computed otherwise, and need not go wrong as the run did\n",
            model.path(), file);
    return true;
}

}  // namespace

/// The step is run with the kernels that the run had chosen (its run.json has them), because
/// another kernel rounds differently and may not diverge.
int replay_command(const Words& words) {
    CommandLine line("gmrun replay [options] FILE",
                     "Runs the step again in which a run went wrong, from the file that `gmrun "
                     "train` wrote, and says which operation was the first to give a number that "
                     "is not finite. A run keeps the last two of these files.");
    line.add_argument("FILE",
                      "diverged-step-N.replay of a run's folder; or that folder, or a .gmc file: "
                      "then the last of its newest run");
    line.add_option<std::string>("model", "FILE", "the .gmc; by default model.gmc beside FILE");
    if (!line.parse(words)) return kDone;
    Diagnostics diagnostics;
    const auto file = replay_file(line.text("FILE"), diagnostics);
    if (!file.ok()) return report(diagnostics);
    const std::string folder = std::filesystem::path(*file).parent_path().string();
    const std::string beside = folder.empty() ? "." : folder;
    auto model = runtime::LoadedModel::load(
        line.has("model") ? line.text("model") : beside + "/model.gmc", diagnostics);
    if (!model.ok()) {
        if (!line.has("model"))
            diagnostics.note_last({},
                                  "--model FILE names the .gmc of the run that wrote the replay");
        return report(diagnostics);
    }
    if (!is_of(**model, *file, diagnostics)) return report(diagnostics);
    runtime::TuningCache tuning("", runtime::tuning_machine());
    runtime::Replay replay{.file = *file};
    if (is_there(beside + "/run.json")) {
        const auto record = runtime::read_run_record(beside + "/run.json", diagnostics);
        if (!record.ok()) return report(diagnostics);
        tuning.pin(record->contractions);
        if (record->tuned) replay.tuning = &tuning;
        replay.bf16 = record->bf16;
    }
    std::string text;
    if (runtime::read_checkpoint(*file, (*model)->states(), replay.training, diagnostics,
                                 &replay.batches))
        if (auto found = finding_in(replay, **model, diagnostics); found.ok()) text = found.take();
    const int code = report(diagnostics);
    print_out("{}", text);
    return code;
}

}  // namespace gmc::tools
