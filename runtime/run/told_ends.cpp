// What is said where training ends early: what is kept of it, and how it goes on.
#include <fmt/format.h>

#include "compiler/support/paths.h"
#include "runtime/run/opened_run.h"

namespace gmc::runtime {

void OpenedRun::report_divergence(const std::string& why, const std::string& replay,
                                  bool at_once) const {
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

}  // namespace gmc::runtime
