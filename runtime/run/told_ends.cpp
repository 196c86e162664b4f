// What is said where training begins, and where it ends early: what is kept of it, and how it goes
// on.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>

#include "compiler/support/paths.h"
#include "compiler/support/wording.h"
#include "runtime/run/opened_run.h"
#include "runtime/train/trained_model.h"

namespace gmc::runtime {

/// A word of a shell's command line.
static std::string shell_word(const std::string& text) {
    const bool is_plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || std::strchr("_-+=./:,", c);
    });
    if (is_plain) return text;
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? "'\\''" : std::string(1, c);
    return out + "'";
}

void OpenedRun::note_changed_module() {
    const ir::Module& module = model.module();
    diagnostics.note_last({}, fmt::format("`{}` was changed since it was compiled, or an older gmc "
                                          "compiled it",
                                          model.path()));
    if (module.files.empty()) return diagnostics.note_last({}, "compile its YAML again");
    const std::string& yaml = module.files[0];
    const bool is_own = model.path() == path("model.gmc");
    const std::string to = is_own ? module.name + ".gmc" : model.path();
    std::string command = "gmc compile " + shell_word(yaml);
    for (const std::string& setting : module.origin.settings)
        command += " --set " + shell_word(setting);
    const ir::Compilation& how = module.compilation;
    if (how.precision == ir::DType::kBf16) command += " --precision bf16";
    if (how.shards != 0) command += fmt::format(" --shards={}", how.shards);
    if (how.shard_sums == ir::DType::kBf16) command += " --shard-sums=bf16";
    if (how.memory_limit != 0) command += fmt::format(" --memory-limit={}", how.memory_limit);
    diagnostics.note_last(
        {}, fmt::format("to go on with this run: `{} -o {}`, then `gmrun train {} --run {} "
                        "--resume`{}",
                        command, shell_word(to), shell_word(to), shell_word(folder->path()),
                        is_there(yaml) || !is_there(path("run.json"))
                            ? ""
                            : fmt::format("; `{}` has the text of `{}`, as `sources`",
                                          path("run.json"), yaml)));
}

void OpenedRun::warn_of_long_steps() {
    const int64_t step = runner->batches_per_round(), epoch = loader->batches_per_epoch();
    if (step <= epoch) return;
    diagnostics.warning(DiagnosticKind::kBadValue, {},
                        "a step takes {} batches, but the data have {}: each step reads the data "
                        "more than once, and the last may go beyond the epochs asked for",
                        step, epoch);
}

/// Where schedules leave a part of the steps to come without a learning rate: all of them, an
/// epoch, or a tenth of the run.
void OpenedRun::warn_of_ended_rates() {
    constexpr double kEpoch = 0.999, kShare = 0.1;
    constexpr double kEndedRate = 1e-5;  // of the highest, at most (dsl/rate_end.h)
    const double steps_per_epoch = static_cast<double>(loader->batches_per_epoch()) /
                                   static_cast<double>(runner->batches_per_round());
    const auto step_at = [&](double epoch) {
        return training.step + std::llround((epoch - training.epoch) * steps_per_epoch);
    };
    const auto step_now = static_cast<double>(training.step);
    double last = static_cast<double>(epochs);
    if (options.steps_most)
        last =
            std::min(last, training.epoch + (static_cast<double>(*options.steps_most) - step_now) /
                                                steps_per_epoch);
    for (const ir::RateEnd& end : model.module().rate_ends) {
        const double after =
            end.steps == 0 ? end.epochs : training.epoch + (end.steps - step_now) / steps_per_epoch;
        const double left = last - training.epoch, idle = last - std::max(after, training.epoch);
        const bool is_all = idle >= left;
        if (idle <= 0 || (!is_all && idle < kEpoch && idle < kShare * last)) continue;
        const std::string of =
            end.networks.empty() ? "" : fmt::format(" of `{}`", fmt::join(end.networks, "`, `"));
        const int64_t from = step_at(after), to = step_at(last);
        const int64_t steps = to - std::max(from, training.step);
        const std::string does =
            end.rate == 0 ? "which trains nothing"
                          : fmt::format(
                                "in {} that {} weights, all together, by at most about {:.1g} of "
                                "what one step at the highest rate does",
                                counted(steps, "step"), steps == 1 ? "moves" : "move",
                                kEndedRate * static_cast<double>(steps));
        Diagnostic& warning = diagnostics.warning(
            DiagnosticKind::kBadValue, {},
            "the learning rate{} is {:.3g} after step {} (epoch {:g}), by its schedule; training "
            "goes on to step {} (epoch {:g}), {}{}",
            of, end.rate, from, after, to, last, does, of.empty() || end.rate != 0 ? "" : " in it");
        if (!end.at.empty()) warning.note({}, fmt::format("the schedule is `{}`", end.at));
        warning.help(
            "a schedule that takes longer: in the model, compiled again; a run may go on with it");
    }
}

/// How many examples validate: "" where none do.
static std::string validation_text(const OpenedRun& run) {
    if (!run.validation) return "";
    const std::string count = counted(run.validation->dataset().count(), "example");
    if (run.policy.validate_test) return fmt::format("validation: {} of the test data", count);
    return fmt::format("validation: {} of the data, beside {} to train on", count,
                       run.loader->dataset().count());
}

void OpenedRun::tell_beginning(Progress& progress) {
    warn_of_long_steps();
    warn_of_ended_rates();
    if (options.show_warnings) options.show_warnings(diagnostics);
    if (!options.quiet && options.run_directory.empty())
        progress.message(fmt::format("the run is written to {}", folder->path()));
    if (!options.quiet) progress.message(data_text_);
    if (const std::string text = validation_text(*this); !options.quiet && !text.empty())
        progress.message(text);
    if (!options.quiet && record.local.every > 0)
        progress.message(fmt::format(
            "local steps: each of {} processes takes {} on its own shards before weights are "
            "averaged; the bits depend on the number of processes, and losses in metrics.jsonl are "
            "means over them",
            model.group()->size(), record.local.every));
    say_what_changed(progress);
    tell_new_end(progress);
}

/// Why there is no checkpoint after `step` steps: none was due. Of the first few steps one would be
/// of no use.
static std::string why_none_yet(const ir::RunPolicy& policy, int64_t step) {
    constexpr int64_t kFirstFew = 5;
    if (step <= kFirstFew) return "there was no checkpoint yet";
    const std::string every = policy.checkpoint_steps > 0 ? counted(policy.checkpoint_steps, "step")
                              : policy.checkpoint_seconds > 0
                                  ? fmt::format("{:g} seconds", policy.checkpoint_seconds)
                                  : "";
    if (every.empty())
        return "there was no checkpoint yet; --checkpoint-every writes them within an epoch";
    return fmt::format(
        "there was no checkpoint yet: one is written every {}, and at the end of an epoch, and "
        "training diverged in step {}; --checkpoint-every \"1 steps\" writes earlier ones",
        every, step);
}

/// What is left of training that diverged.
static std::string text_of_kept(const OpenedRun& run, int64_t saved_step) {
    const TrainingState& at = run.training;
    if (!run.folder->has_checkpoint())
        return at.step > 1 ? why_none_yet(run.policy, at.step)
                           : "there is no checkpoint: the first step went wrong";
    const int64_t weights = at.weights_step_at(saved_step);
    return fmt::format("the last good state, of step {}, is kept in `{}`{}", saved_step,
                       run.path(kCheckpointName),
                       weights == saved_step ? "" : ": " + name_of_earlier_weights(weights));
}

void OpenedRun::report_divergence(const std::string& why, const std::string& replay,
                                  int64_t saved_step, bool at_once) {
    MetricsRow row(training.step, epoch_number());
    row.add("diverged", why);
    Diagnostics unwritable;  // the error that follows counts
    (void)log->write({row}, unwritable);
    Diagnostic& error = diagnostics.error(DiagnosticKind::kDiverged, {}, "{}", why);
    if (at_once) {
        error.help(
            "the learning rate has not acted yet: what the first step computes is already too "
            "large or undefined, such as a logarithm of 0");
        for (const auto& [name, range] : record.ranges)
            error.help(
                fmt::format("`data.{}` spans [{:.4g}, {:.4g}]", name, range.low, range.high));
    } else {
        help_after_divergence(error);
    }
    if (!replay.empty()) error.help(fmt::format("`gmrun replay {}` runs the step again", replay));
    error.help(text_of_kept(*this, saved_step));
}

/// What may help comes first, then what was tried.
void OpenedRun::help_after_divergence(Diagnostic& error) const {
    if (policy.on_divergence == "stop") {
        error.help(
            "a smaller learning rate is the usual remedy; so may be `train: {on_divergence: "
            "rollback}`, which goes back and on by itself, or `lower_rate`, with smaller updates");
        return;
    }
    error.help("a smaller learning rate is the usual remedy");
    if (training.retries >= policy.retries)
        error.help(
            fmt::format("it went back {}, as often as `retries` allows; compiled again with "
                        "more, the model goes on with --resume",
                        counted(training.retries, "time")));
    else if (policy.on_divergence == "lower_rate" && training.rate / 2 < kLeastRate)
        error.help(
            fmt::format("it went back {}; updates are {:.1g} of what they were, and with "
                        "half of that nothing would be trained",
                        counted(training.retries, "time"), training.rate));
}

void OpenedRun::tell_end(int64_t saved_step, Progress& progress) const {
    if (stops_early() && training.pass < epochs) progress.message(why_early());
    if (saved_step < training.step && !options.in_copy)
        progress.message(
            fmt::format("training went back in its last step: the checkpoint is of step {}, and "
                        "--resume goes on from there",
                        saved_step));
    if (has_no_best()) progress.message(why_no_best());
}

bool OpenedRun::tell_way_back(const std::string& back, int64_t to, const std::string& why,
                              Progress& progress) {
    const std::string lower =
        training.rate < 1 ? fmt::format("; updates are {:.4g} of what they were", training.rate)
                          : "";
    if (!options.in_copy)
        progress.message(fmt::format("{}: {} ({} of {}){}", back, why, training.retries,
                                     counted(policy.retries, "time"), lower));
    MetricsRow row(training.step, epoch_number());
    row.add("rolled_back_to", to).add("because", why);
    if (training.rate < 1) row.add("rate_factor", training.rate);
    return log->write({row}, diagnostics);
}

/// A run that goes on and is stopped by --steps has not come to its end. Steps that a copy repeats
/// are compared with those of the run, whatever became of them.
bool OpenedRun::kept_a_step_since(int64_t first) {
    const int64_t weights = training.weights_step();
    const bool stopped = first > 0 && training.pass < epochs && !stops_early();
    if (options.in_copy || stopped || training.step == first || weights > first) return true;
    const std::string why =
        fmt::format("no step {}was kept: training diverged, and went back to {}",
                    first == 0 ? "" : fmt::format("behind step {} ", first),
                    weights == 0 ? "the first weights" : fmt::format("those of step {}", weights));
    MetricsRow row(training.step, epoch_number());
    row.add("diverged", why);
    Diagnostics unwritable;  // the error that follows counts
    (void)log->write({row}, unwritable);
    diagnostics.error(DiagnosticKind::kDiverged, {}, "{}", why)
        .help("a smaller learning rate is the usual remedy");
    return false;
}

/// A run that comes back in the place of one that took no step is told elsewhere.
void OpenedRun::note_unwritten(int64_t saved_step) const {
    if (folder->holds_one_aside() && saved_step == 0) return;
    if (!is_folder(folder->path())) return;  // the error says that it is gone
    const std::string when = diagnostics.has(DiagnosticKind::kDiskFull) ? "once there is space, "
                             : diagnostics.has(DiagnosticKind::kBadFile)
                                 ? "once the folder can be written, "
                                 : "";
    diagnostics.note_last(
        {},
        folder->has_checkpoint()
            ? fmt::format("the checkpoint of step {} is kept in `{}`; {}--resume goes on from "
                          "there",
                          saved_step, path(kCheckpointName), when)
        : saved_step > 0
            ? fmt::format("the checkpoint of step {} has been removed", saved_step)
            : fmt::format("there is no checkpoint yet; {}--resume begins from the start", when));
}

int64_t OpenedRun::epochs_without_better(const TrainingState& at) const {
    return std::min(at.stopping.epochs_since, at.pass - record.patient_from);
}

bool OpenedRun::stops_early(const TrainingState& at) const {
    return !policy.stopping_metric.empty() && epochs_without_better(at) >= policy.patience;
}

std::string OpenedRun::why_early() const {
    const int64_t ago = training.stopping.epochs_since, waited = epochs_without_better(training);
    const std::string since = waited < ago
                                  ? fmt::format(", and the {} since --more-epochs {} no better",
                                                waited, waited == 1 ? "was" : "were")
                                  : "";
    if (!training.stopping.best)
        return fmt::format("training ended early: in {} `{}` was never a finite number{}",
                           counted(ago, "epoch"), policy.stopping_metric, since);
    return fmt::format("training ended early: `{}` was best, {:.6g}, {} ago{}",
                       policy.stopping_metric, *training.stopping.best, counted(ago, "epoch"),
                       since);
}

std::string OpenedRun::line_of_validation(
    const std::vector<std::pair<std::string, double>>& figures, int64_t pass) const {
    std::string line = fmt::format("epoch {}/{}  validation ", pass, epochs);
    for (const auto& [name, value] : figures)
        line += fmt::format("  {} {:.4g}", name, unsigned_nan(value));
    return line;
}

std::string OpenedRun::why_no_best() const {
    const int64_t count = training.best.epochs_since;
    std::string when = "never a finite number";
    if (count < training.pass)
        when = count == 1 ? "no finite number in the last epoch"
                          : fmt::format("no finite number in the last {} epochs", count);
    return fmt::format("there is no best checkpoint: `{}` of the validation data was {}",
                       policy.keep_best, when);
}

std::string OpenedRun::why_interrupted(bool stays) const {
    if (stays)
        return fmt::format("interrupted before a step was taken: the run in `{}` stays",
                           folder->path());
    return fmt::format("interrupted after step {}; the checkpoint is written", training.step);
}

std::string OpenedRun::why_finished() const {
    const std::optional<int64_t> steps = options.steps_most;
    const auto done = [](int64_t count, const char* what, int64_t asked, const std::string& who) {
        return fmt::format("{} {} done{} {} {}asked for", counted(count, what),
                           count == 1 ? "is" : "are", count == asked ? " of" : ", more than the",
                           asked, who);
    };
    if (steps && training.step >= *steps) return done(training.step, "step", *steps, "");
    if (training.pass >= epochs) {
        const int64_t own = model.module().training->epochs;
        const bool other = epochs == record.epochs && epochs != own;
        return fmt::format(
            "{}{}; {}",
            done(training.pass, "epoch", epochs, other ? "that --epochs or --more-epochs " : ""),
            other ? fmt::format(" (the model: {})", own) : "", how_to_go_on());
    }
    return fmt::format("{}; --more-epochs N goes on to epoch {} + N", why_early(), training.pass);
}

/// Where nothing is left to do, though maybe only because of this command's --epochs.
std::string OpenedRun::how_to_go_on() const {
    if (goal_before_ <= training.pass)
        return fmt::format("--more-epochs N goes on to epoch {} + N", training.pass);
    return fmt::format(
        "--resume without --epochs goes on to epoch {}, and with --more-epochs N to {} + N",
        goal_before_, goal_before_);
}

/// The epochs of --more-epochs come behind those that are still to be trained: that is told even
/// where nothing else is, since whoever gives it again after an interruption may not mean that.
void OpenedRun::tell_new_end(Progress& progress) const {
    if (options.more_epochs == 0) return;
    if (epochs == goal_before_ + options.more_epochs && goal_before_ > training.pass)
        progress.message(fmt::format(
            "--more-epochs {} adds to the {} that the run was to have, of which {} done: it goes "
            "on to epoch {}; if that is not meant, Ctrl-C, then --resume --epochs {}",
            options.more_epochs, counted(goal_before_, "epoch"),
            training.pass == 1 ? "1 is" : fmt::format("{} are", training.pass), epochs,
            goal_before_));
    else if (!options.quiet)
        progress.message(fmt::format("--more-epochs {}: from epoch {} to {}", options.more_epochs,
                                     training.pass, epochs));
}

}  // namespace gmc::runtime
