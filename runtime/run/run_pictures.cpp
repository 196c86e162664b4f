// The samples that a run draws after each epoch.
#include "compiler/support/paths.h"
#include "runtime/files/numbered_name.h"
#include "runtime/run/opened_run.h"
#include "runtime/train/picture.h"

namespace gmc::runtime {

static std::string samples_file(int64_t epoch) { return "samples/" + kSamplesName.of(epoch); }

/// Too many samples are refused before anything is measured, read or trained.
bool OpenedRun::can_draw() {
    const std::optional<int64_t> count = record.settings.samples;
    Diagnostics found;
    if (count == 0 || can_draw_samples(model, count, record.ranges, found)) return true;
    const Diagnostic& why = found.list().back();
    diagnostics.error(why.kind, {}, "the samples of an epoch cannot be drawn: {}", why.text)
        .help("--samples N says how many; 0: none");
    return false;
}

bool OpenedRun::draw(int64_t epoch) {
    const std::optional<int64_t> count = record.settings.samples;
    const std::string file = path(samples_file(epoch));
    return count == 0 ||
           (draw_samples(model, training.seed, count, record.ranges, file, diagnostics) &&
            (!log || log->picture(file, training.step, diagnostics)));
}

bool OpenedRun::draw_what_a_kill_left() {
    if (!ends_epoch()) return true;
    const std::string file = path(samples_file(training.pass));
    const bool has_shown =
        !record.settings.tensorboard || has_picture_event(folder->path(), training.step);
    if (!has_shown && !log && !open_log()) return false;
    if (!is_there(file)) return draw(training.pass);
    return has_shown || log->picture(file, training.step, diagnostics);
}

}  // namespace gmc::runtime
