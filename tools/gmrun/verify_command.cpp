// gmrun verify: repeats steps of a run, and says whether they give the same bits again.
#include <signal.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "compiler/ir/artefact.h"
#include "compiler/support/paths.h"
#include "compiler/support/say.h"
#include "compiler/support/wording.h"
#include "runtime/contractions/choice/tuning_machine.h"
#include "runtime/contractions/tuning_cache.h"
#include "runtime/run/kept_checkpoints.h"
#include "runtime/run/run_record.h"
#include "runtime/run/trainer.h"
#include "runtime/train/checkpoint.h"
#include "tools/command_line/command_line.h"
#include "tools/command_line/version.h"
#include "tools/gmrun/commands.h"
#include "tools/gmrun/run_source.h"
#include "tools/gmrun/runs/odd_log.h"
#include "tools/gmrun/stop_signals.h"
#include "tools/gmrun/tuning.h"

namespace gmc::tools {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTemporary = "gmc-verify-";
constexpr char kOtherFolder[] = "TMPDIR=DIR names another folder for temporary files";
/// More than these may take long, and are told beforehand.
constexpr int64_t kManySteps = 20;

/// Removes the folders of commands that were killed.
void remove_abandoned_folders(const fs::path& parent) {
    std::error_code error;
    std::vector<fs::path> abandoned;
    for (const fs::path& path : paths_in(parent)) {
        const std::string name = path.filename().string();
        if (!name.starts_with(kTemporary)) continue;
        const pid_t process = std::atoi(name.c_str() + kTemporary.size());
        if (process > 0 && kill(process, 0) != 0 && errno == ESRCH) abandoned.push_back(path);
    }
    for (const fs::path& path : abandoned) fs::remove_all(path, error);
}

/// A folder `gmc-verify-PROCESS-XXXXXX` that goes with this object.
class TemporaryFolder {
  public:
    TemporaryFolder() {
        const char* asked = std::getenv("TMPDIR");
        const fs::path parent = asked != nullptr && *asked != '\0' ? asked : "/tmp";
        remove_abandoned_folders(parent);
        std::string name = (parent / fmt::format("{}{}-XXXXXX", kTemporary, getpid())).string();
        if (mkdtemp(name.data()) != nullptr)
            path_ = name;
        else
            why_ = fmt::format("in `{}` no folder can be made for the repetition: {}",
                               parent.string(), std::strerror(errno));
    }
    /// False after an error (kBadFile): the folder could not be made.
    bool is_made(Diagnostics& diagnostics) const {
        if (!path_.empty()) return true;
        diagnostics.error(DiagnosticKind::kBadFile, {}, "{}", why_).help(kOtherFolder);
        return false;
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        if (!path_.empty()) fs::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    std::string file(std::string_view name) const { return fmt::format("{}/{}", path_, name); }
    const std::string& path() const { return path_; }

  private:
    std::string path_, why_;
};

/// A checkpoint that a run kept, and its step.
struct Kept {
    std::string path;
    int64_t step = 0;
};

/// The checkpoints `step-N` in the run's folder, in the order of their steps. Error (kBadFile): one
/// has the name of another step, or says none.
Result<std::vector<Kept>> kept_steps(const std::string& run, Diagnostics& diagnostics) {
    std::vector<Kept> kept;
    for (const std::string& name : runtime::kept_checkpoints(run)) {
        const auto step = runtime::step_of_checkpoint(name);
        if (!step) continue;
        const std::string path = run + "/checkpoints/" + name;
        if (const std::string why = runtime::why_misnamed(run, name); !why.empty()) {
            if (!runtime::read_checkpoint_header(path, diagnostics).ok()) return Failure{};
            diagnostics.error(DiagnosticKind::kBadFile, {}, "{}", why)
                .help("give it that name, or move it away");
            return Failure{};
        }
        kept.push_back({path, *step});
    }
    std::sort(kept.begin(), kept.end(),
              [](const Kept& a, const Kept& b) { return a.step < b.step; });
    return kept;
}

/// Says what is odd about the run's files, but does not keep its steps from being repeated.
/// `newest` is the last of the kept checkpoints, or 0; read before the run's checkpoint, which may
/// be replaced meanwhile.
void say_what_is_odd(const std::string& run, int64_t newest, const runtime::TrainingState& training,
                     const ir::RunPolicy& policy) {
    const auto tell = [](const std::string& what) { say("gmrun: warning: {}\n", what); };
    if (training.step < newest)
        tell(fmt::format("`{}/{}` is of step {}, but `checkpoints/` has step {}", run,
                         runtime::kCheckpointName, training.step, newest));
    if (!policy.keep_best.empty() && training.best.best &&
        !is_there(run + "/" + runtime::kBestName))
        tell(fmt::format("`{}/{}` is missing", run, runtime::kBestName));
    if (const std::string odd = odd_log(run, training.step); !odd.empty()) tell(odd);
}

/// Reads all checkpoints of the run, also those that nothing is repeated from. False after an
/// error: one is damaged, holds no good state of the model, or is another run's. (One that training
/// has just replaced is none of them any more.)
bool are_whole(const std::string& run, int64_t newest, Diagnostics& diagnostics) {
    Diagnostics unreadable;  // which copying it reports
    const auto record = runtime::read_run_record(run + "/run.json", unreadable);
    auto model = runtime::LoadedModel::load(run + "/model.gmc", diagnostics);
    if (!model.ok()) return false;
    runtime::TrainingState training;
    std::vector<std::string> names{runtime::kCheckpointName};
    for (const std::string& name : runtime::kept_checkpoints(run))
        names.push_back("checkpoints/" + name);
    for (const std::string& name : names) {
        const std::string path = run + "/" + name;
        if (!is_there(path)) continue;
        const std::string other =
            record.ok() ? runtime::another_runs(path, *record, run, false) : "";
        if (!other.empty() && runtime::read_checkpoint_header(path, unreadable).ok()) {
            diagnostics.error(DiagnosticKind::kBadFile, {}, "{}", other)
                .help("the steps of a run can be repeated from its own checkpoints only");
            return false;
        }
        if (!runtime::read_checkpoint(path, (*model)->states(), training, diagnostics)) {
            runtime::help_with_kept_checkpoint(run, diagnostics);
            return false;
        }
        if (name == runtime::kCheckpointName)
            say_what_is_odd(run, newest, training, (*model)->module().run);
        if (!record.ok()) continue;
        if (const std::string whose = runtime::another_runs(path, *record, run); !whose.empty())
            say("gmrun: {}\n", whose);
    }
    return true;
}

/// The checksum of the states in a checkpoint, in hexadecimal digits. What a checkpoint says of the
/// best epoch so far is left out: a repetition measures no validation.
Result<std::string> digest_of(const std::string& run, const std::string& checkpoint,
                              Diagnostics& diagnostics) {
    auto model = runtime::LoadedModel::load(run + "/model.gmc", diagnostics);
    if (!model.ok()) return Failure{};
    runtime::StateStore& states = (*model)->states();
    runtime::TrainingState training;
    if (!runtime::read_checkpoint(checkpoint, states, training, diagnostics)) return Failure{};
    return fmt::format("{:08x}", crc32_z(0, reinterpret_cast<const Bytef*>(states.bytes_begin()),
                                         static_cast<size_t>(states.bytes())));
}

/// Copies a file of a run, which may be training, so that what is repeated stays the same.
bool copy(const std::string& from, const std::string& to, Diagnostics& diagnostics) {
    std::error_code error;
    fs::copy_file(from, to, error);
    if (!error) return true;
    const bool is_file = is_regular(from) || !is_there(from);
    const std::string why = is_file ? error.message() : "it is no regular file";
    std::error_code ignored;
    fs::remove(to, ignored);
    diagnostics
        .error(DiagnosticKind::kBadFile, {}, "`{}` cannot be copied to `{}`: {}", from,
               fs::path(to).parent_path().string(), why)
        .help(kOtherFolder);
    return false;
}

/// Reports what went wrong in the copy of a run as if the run itself had done it: nobody can look
/// into the copy when the message is read.
void tell(const Diagnostics& found, const std::string& copy, const std::string& run,
          Diagnostics& diagnostics) {
    for (const Diagnostic& one : found.list()) {
        if (one.is_warning) continue;
        const auto of_run = [&](std::string text) {
            for (size_t at; (at = text.find(copy)) != std::string::npos;)
                text.replace(at, copy.size(), run);
            return text;
        };
        // A full disk is that of the copy.
        const bool is_here = one.kind == DiagnosticKind::kDiskFull;
        Diagnostic& error = diagnostics.error(one.kind, {}, "the steps cannot be repeated: {}",
                                              is_here ? one.text : of_run(one.text));
        // Its helps are for training.
        if (one.kind == DiagnosticKind::kDiverged)
            error.help("the checkpoint is of the last state before that");
        if (is_here) error.help(kOtherFolder);
        for (const auto& note : one.notes) diagnostics.note_last({}, of_run(note.text));
    }
}

/// How a repetition of a run is computed: without samples, and with nothing that is watched.
/// `steps_most` ends it, since epochs are set to more than anyone could ask for.
runtime::TrainOptions options_of_repetition(const runtime::LoadedModel& model,
                                            const std::string& folder, int64_t last_step,
                                            bool again, runtime::TuningCache& tuning) {
    runtime::TrainOptions options;
    options.told_before = again;
    options.run_directory = folder;
    options.resume = options.quiet = options.in_copy = true;
    options.epochs = 1'000'000'000;
    options.steps_most = last_step;
    options.sample_count = 0;
    options.tuning = &tuning;
    options.version = kVersion.number;
    options.stop = &listen_for_stop();
    options.policy = model.module().run;
    if (options.policy->on_divergence == "stop") options.policy->keep_last = 1;
    options.policy->keep_best.clear();
    options.policy->stopping_metric.clear();
    options.policy->validate_test = false;
    return options;
}

/// Copies what a run may go back to from `step` on, beside its checkpoint.
bool copy_ways_back(const std::string& run, int64_t step, const std::string& to,
                    Diagnostics& diagnostics) {
    const auto kept = kept_steps(run, diagnostics);
    if (!kept.ok()) return false;
    std::error_code ignored;
    fs::create_directory(to + "/checkpoints", ignored);
    for (const Kept& one : *kept)
        if (one.step < step &&
            !copy(one.path, to + "/checkpoints/" + runtime::name_of_kept_step(one.step),
                  diagnostics))
            return false;
    return true;
}

/// How steps are repeated.
enum class Turn {
    kOnly,   ///< they are compared with what the run wrote
    kFirst,  ///< where training diverges in them, those before are enough
    kFewer,  ///< these, in place of the first turn: what is to be said of them was said
    kSecond  ///< that, too
};

/// Says that training diverges in the step `diverged`, and how many of those before it, from
/// `begin` on, end in weights that are good.
void say_fewer(int64_t diverged, int64_t begin, int64_t steps) {
    const int64_t spoilt = begin + steps + 1;
    const std::string spoils =
        spoilt == diverged
            ? ""
            : fmt::format(", as the weights of step {} give no finite numbers", spoilt);
    say("gmrun: training diverges in step {}{}: the {} before {} {} repeated\n", diverged, spoils,
        steps == 1 ? "step" : fmt::format("{} steps", steps),
        spoils.empty() ? "it" : fmt::format("step {}", spoilt), steps == 1 ? "is" : "are");
}

/// What steps are repeated from: copies of files of the run, which may be training.
struct Begin {
    std::string checkpoint;
    /// run.json. Kernels that are chosen in a repetition are added: the second one has the same.
    std::string record;
    std::string data;  ///< TrainOptions::trained_on
};

/// The digest of the checkpoint that `steps` more steps from `from` end in, computed in a copy of
/// the run. Fewer `steps` in the first turn, where training diverges; how many is said, once.
/// `diverged`: the step in which more of them did; 0 where this is the first try.
Result<std::string> repeat(const std::string& run, const Begin& from, int64_t& steps, Turn turn,
                           Diagnostics& diagnostics, int64_t diverged = 0) {
    const TemporaryFolder folder;
    if (!folder.is_made(diagnostics) ||
        !copy(from.checkpoint, folder.file(runtime::kCheckpointName), diagnostics) ||
        !copy(from.record, folder.file("run.json"), diagnostics))
        return Failure{};
    auto model = runtime::LoadedModel::load(run + "/model.gmc", diagnostics);
    if (!model.ok()) return Failure{};
    runtime::TrainingState training;
    if (!runtime::read_checkpoint(from.checkpoint, (*model)->states(), training, diagnostics))
        return Failure{};
    if ((*model)->module().run.on_divergence != "stop" &&
        !copy_ways_back(run, training.step, folder.path(), diagnostics))
        return Failure{};
    runtime::TuningCache tuning("", runtime::tuning_machine());
    Diagnostics found;
    runtime::TrainOptions options =
        options_of_repetition(**model, folder.path(), training.step + steps,
                              turn == Turn::kFewer || turn == Turn::kSecond, tuning);
    options.trained_on = from.data;
    const auto result = runtime::train(**model, options, found);
    if (result.end == runtime::TrainEnd::kInterrupted) return Failure{};
    std::error_code same;  // as before, where the repetition did not come to write it
    fs::copy_file(folder.file("run.json"), from.record, fs::copy_options::overwrite_existing, same);
    const int64_t before = result.step - 1 - training.step;  // where it diverged
    const bool may_be_fewer = turn == Turn::kFirst || turn == Turn::kFewer;
    if (result.end == runtime::TrainEnd::kDiverged && may_be_fewer && before > 0) {
        steps = before;
        return repeat(run, from, steps, Turn::kFewer, diagnostics,
                      diverged == 0 ? result.step : diverged);
    }
    if (turn == Turn::kFewer && result.end == runtime::TrainEnd::kDone)
        say_fewer(diverged, training.step, steps);
    if (result.end != runtime::TrainEnd::kDone) {
        tell(found, folder.path(), run, diagnostics);
        return Failure{};
    }
    return digest_of(run, folder.file(runtime::kCheckpointName), diagnostics);
}

/// Steps behind the last that was kept: those of an epoch that was stopped. False after an error.
bool say_what_is_not_compared(const std::string& run, int64_t last, Diagnostics& diagnostics) {
    const auto now =
        runtime::read_checkpoint_header(run + "/" + runtime::kCheckpointName, diagnostics);
    if (!now.ok()) return false;
    const int64_t behind = now->training.step - last;
    if (behind > 0)
        say("gmrun: the last {} of the run {} not compared: `checkpoints/` has none behind step "
            "{}\n",
            counted(behind, "step"), behind == 1 ? "is" : "are", last);
    return true;
}

/// Whether the steps before a kept checkpoint were computed as the run's model says. A process that
/// was killed may have put another one there, and taken no step by it that it kept.
Result<bool> is_by_its_model(const std::string& run, const runtime::TrainingState& kept,
                             Diagnostics& diagnostics) {
    const std::string& by = kept.computed_by;
    if (by.empty()) return true;  // an older gmc wrote it
    const auto module = ir::read_artefact(run + "/model.gmc", {}, diagnostics);
    if (!module.ok()) return Failure{};
    if (by == ir::checksum_of_steps(*module)) return true;
    say("gmrun: the steps up to step {} were computed with other settings than `{}/model.gmc` has: "
        "those behind the last checkpoint are run twice here\n",
        kept.step, run);
    return false;
}

/// The exit code when no digest could be made.
int ended(const Diagnostics& diagnostics) {
    const int signal = listen_for_stop().signal;
    if (signal != 0) return exit_code_of(signal);
    const int code = report(diagnostics);
    return diagnostics.has(DiagnosticKind::kDiverged) ? kRunFailed : code;
}

/// False after an error (kBadFile): the run's record is missing.
bool has_record(const std::string& run, Diagnostics& diagnostics) {
    if (is_there(run + "/run.json")) return true;
    diagnostics
        .error(DiagnosticKind::kBadFile, {},
               "`{}/run.json` is missing: by which kernels the run was computed is not known, so "
               "its steps cannot be repeated to the bit",
               run)
        .help("put it back; `gmrun train --resume` goes on without it, but maybe not to the bit");
    return false;
}

/// Whether the run was trained where numbers are the same only up to rounding, as far as it says.
bool was_trained_elsewhere(const std::string& run) {
    Diagnostics unreadable;
    const auto record = runtime::read_run_record(run + "/run.json", unreadable);
    return record.ok() && !record->machine.empty() && record->machine != runtime::tuning_machine();
}

}  // namespace

/// With two checkpoints of the run, the steps between them are repeated and compared with what the
/// run itself wrote, if it was here. Otherwise the same steps are run twice; that shows whether a
/// run repeats, but not whether the first one did.
int verify_command(const Words& words) {
    CommandLine line(
        "gmrun verify [options] RUN",
        "Repeats steps of a run and compares the bits: from one checkpoint that it "
        "kept to the next (`keep: {last: 2}`), or else, twice, from its last one; where "
        "training diverges in these, those before.");
    line.add_argument("RUN", "the folder of a run, or a .gmc file: then its newest run");
    line.add_option<int64_t>("steps", "N", "how many, from the last checkpoint", 20, Range{1, 1e9});
    add_computing(line);
    if (!line.parse(words)) return kDone;
    set_computing(line);
    int64_t steps = line.get<int64_t>("steps");
    Diagnostics diagnostics;
    const auto folder = run_folder(line.text("RUN"), Needs::kCheckpoint, diagnostics);
    if (!folder.ok()) return report(diagnostics);
    const std::string& run = *folder;
    if (!has_record(run, diagnostics)) return report(diagnostics);
    if (keeps_to_avx2(line, run)) keep_to_avx2(run);
    const auto found = kept_steps(run, diagnostics);
    if (!found.ok() || !are_whole(run, found->empty() ? 0 : found->back().step, diagnostics))
        return report(diagnostics);
    const std::vector<Kept>& kept = *found;
    const bool elsewhere = was_trained_elsewhere(run);
    if (elsewhere)
        say("gmrun: the run was trained by another machine or build, or with another --isa, where "
            "bits differ: the steps are run twice here, and not compared with the run's\n");
    bool recorded = kept.size() >= 2 && !line.given("steps") && !elsewhere;
    Begin begin;
    if (recorded) {
        const auto end = runtime::read_checkpoint_header(kept.back().path, diagnostics);
        if (!end.ok()) return report(diagnostics);
        const auto by_its_model = is_by_its_model(run, end->training, diagnostics);
        if (!by_its_model.ok()) return report(diagnostics);
        recorded = *by_its_model;
        if (recorded) begin.data = end->training.data;
    }
    const std::string from =
        recorded ? kept[kept.size() - 2].path : run + "/" + runtime::kCheckpointName;
    if (recorded) steps = kept.back().step - kept[kept.size() - 2].step;
    // The run may be training: the last checkpoint is taken once.
    const TemporaryFolder kept_here;
    if (!kept_here.is_made(diagnostics)) return report(diagnostics);
    begin.checkpoint = kept_here.file("begin.safetensors");
    begin.record = kept_here.file("run.json");
    if (!copy(from, begin.checkpoint, diagnostics) ||
        !copy(run + "/run.json", begin.record, diagnostics))
        return report(diagnostics);
    if (recorded && !say_what_is_not_compared(run, kept.back().step, diagnostics))
        return report(diagnostics);
    if (steps > kManySteps) say("repeating {} steps from {} ...\n", steps, from);
    const auto first = recorded ? digest_of(run, kept.back().path, diagnostics)
                                : repeat(run, begin, steps, Turn::kFirst, diagnostics);
    if (!first.ok()) return ended(diagnostics);
    const auto again =
        repeat(run, begin, steps, recorded ? Turn::kOnly : Turn::kSecond, diagnostics);
    if (!again.ok()) return ended(diagnostics);
    const bool same = *first == *again;
    print_out("{} from {}: {} {}, {} again: {}\n", counted(steps, "step"), from, *first,
              recorded ? "in the run" : "once", *again, same ? "the same bits" : "the bits differ");
    return same ? kDone : kRunFailed;
}

}  // namespace gmc::tools
