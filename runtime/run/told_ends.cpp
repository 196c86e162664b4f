// What is said where training begins, and where it ends early: what is kept of it, and how it goes
// on.
#include <fmt/format.h>

#include "compiler/support/paths.h"
#include "runtime/run/opened_run.h"

namespace gmc::runtime {

void OpenedRun::warn_of_long_steps() {
    const int64_t step = runner->batches_per_round(), epoch = loader->batches_per_epoch();
    if (step <= epoch) return;
    diagnostics.warning(DiagnosticKind::kBadValue, {},
                        "a step takes {} batches, but the data have {}: each step reads the data "
                        "more than once, and the last may go beyond the epochs asked for",
                        step, epoch);
}

/// How many examples validate: "" where none do.
static std::string validation_text(const OpenedRun& run) {
    if (!run.validation) return "";
    const int64_t count = run.validation->dataset().count();
    const char* plural = count == 1 ? "" : "s";
    if (run.policy.validate_test)
        return fmt::format("validation: {} example{} of the test data", count, plural);
    return fmt::format("validation: {} example{} of the data, beside {} to train on", count, plural,
                       run.loader->dataset().count());
}

void OpenedRun::tell_beginning(Progress& progress) {
    warn_of_long_steps();
    if (options.show_warnings) options.show_warnings(diagnostics);
    if (!options.quiet) progress.message(data_text_);
    if (const std::string text = validation_text(*this); !options.quiet && !text.empty())
        progress.message(text);
    if (!options.quiet && record.local.every > 0)
        progress.message(fmt::format(
            "local steps: each of {} processes takes {} on its own shards before weights are "
            "averaged; the bits depend on the number of processes, and losses are means over them",
            model.group()->size(), record.local.every));
    say_what_changed(progress);
}

void OpenedRun::report_divergence(const std::string& why, const std::string& replay, bool at_once) {
    MetricsRow row(training.step, epoch_number());
    row.add("diverged", why);
    Diagnostics unwritable;  // the error that follows counts
    (void)log->write({row}, unwritable);
    const std::string kept =
        folder->has_checkpoint()
            ? fmt::format("the last good state is kept in `{}`", path(kCheckpointName))
        : training.step > 1
            ? "there was no checkpoint yet; --checkpoint-every writes them within an epoch"
            : "there is no checkpoint: the first step went wrong";
    Diagnostic& error = diagnostics.error(DiagnosticKind::kDiverged, {}, "{}", why).help(kept);
    if (!replay.empty()) error.help(fmt::format("`gmrun replay {}` runs the step again", replay));
    if (at_once) {
        error.help(
            "the learning rate has not acted yet: what the first step computes is already too "
            "large or undefined, such as a logarithm of 0");
        for (const auto& [name, range] : record.ranges)
            error.help(
                fmt::format("`data.{}` spans [{:.4g}, {:.4g}]", name, range.low, range.high));
        return;
    }
    error.help(policy.on_divergence == "stop"
                   ? "a smaller learning rate is the usual remedy; so may be `on_divergence`"
                   : "a smaller learning rate is the usual remedy");
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
            : fmt::format("there is no checkpoint yet; {}--resume begins from the start", when));
}

int64_t OpenedRun::epochs_without_better(const TrainingState& at) const {
    return std::min(at.stopping.epochs_since, at.pass - record.patient_from);
}

bool OpenedRun::stops_early(const TrainingState& at) const {
    return !policy.stopping_metric.empty() && epochs_without_better(at) >= policy.patience;
}

std::string OpenedRun::why_early() const {
    const int64_t ago = training.stopping.epochs_since, counted = epochs_without_better(training);
    const std::string since =
        counted < ago ? fmt::format(", and the {} since --more-epochs were no better", counted)
                      : "";
    return fmt::format("training ended early: `{}` was best, {:.6g}, {} epochs ago{}",
                       policy.stopping_metric, training.stopping.best.value_or(0), ago, since);
}

std::string OpenedRun::why_interrupted(bool stays) const {
    if (stays)
        return fmt::format("interrupted before a step was taken: the run in `{}` stays",
                           folder->path());
    return fmt::format("interrupted after step {}; the checkpoint is written", training.step);
}

std::string OpenedRun::why_finished() const {
    const std::optional<int64_t> steps = options.steps_most;
    if (training.pass >= epochs && !(steps && training.step >= *steps))
        return fmt::format("{} epochs are done{} {} asked for; --more-epochs N goes on",
                           training.pass, training.pass == epochs ? " of" : ", more than the",
                           epochs);
    if (stops_early()) return why_early() + "; --more-epochs N goes on";
    return fmt::format("{} of {} steps are done", training.step, *steps);
}

}  // namespace gmc::runtime
