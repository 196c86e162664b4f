// What a run does beside its steps while it trains: it draws samples after each epoch, and looks
// after its folder, of which somebody may move or remove parts.
#include <filesystem>
#include <utility>

#include "compiler/support/paths.h"
#include "compiler/support/say.h"
#include "runtime/files/atomic_file.h"
#include "runtime/files/run_names.h"
#include "runtime/output/png.h"
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
    if (count == 0) return true;
    const auto picture = draw_samples(model, training.seed, count, record.ranges, diagnostics);
    if (!picture.ok() || !finds_its_folder()) return false;
    const std::string file = path(samples_file(epoch));
    if (*picture && !(make_folder_of(file, diagnostics) && write_png(file, **picture, diagnostics)))
        return false;
    return !log || log->picture(file, training.step, diagnostics);
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

bool OpenedRun::drop_picture_of_stop() {
    const std::string file = path(samples_file(training.pass + 1));
    if (options.in_copy || ends_epoch() || training.epoch_end_left || !is_regular(file))
        return true;
    if (!before_.keep(file, diagnostics)) return false;
    std::error_code error;
    std::filesystem::remove(file, error);
    if (error)
        diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` cannot be removed: {}", file,
                          error.message());
    return !error;
}

/// The files as they were stay where they are, in whichever folder: the paths are not the run's.
bool OpenedRun::keep_checkpoint(bool is_best) {
    if (!finds_its_folder()) return false;
    const KeptCheckpoints kept = kept_while_training();
    return kept.keep(training.step, diagnostics) && (!is_best || kept.keep_best(diagnostics));
}

bool OpenedRun::finds_its_folder() {
    if (is_lost_) return false;
    const std::string before = folder->path();
    const RunFolder::Place place = folder->follow();
    if (folder->path() != before) {
        has_changed();
        if (log) log->goes_to(folder->path());
    }
    if (place == RunFolder::Place::kSame)
        folder_before_.clear();
    else if (folder_before_.empty())
        folder_before_ = before;
    is_lost_ = place == RunFolder::Place::kLost;
    if (!is_lost_ && folder->holds_lock()) return true;
    if (!std::exchange(is_lost_, true)) {
        diagnostics
            .error(DiagnosticKind::kBadFile, {},
                   "`{}` was removed while the run trained, and another process trains there now",
                   path(".lock"))
            .note({}, "this one ends, and leaves the run to it");
        return false;
    }
    const bool is_taken = is_there(folder_before_);
    diagnostics
        .error(DiagnosticKind::kBadFile, {}, "the run's folder `{}` was removed while it trained{}",
               folder_before_, is_taken ? ", and another one is there now" : "")
        .note({}, fmt::format("what this run had is gone{}",
                              is_taken ? "; the folder that is there was left alone" : ""));
    return false;
}

void OpenedRun::report_moved() {
    diagnostics.error(
        DiagnosticKind::kBadFile, {}, "the run's folder `{}` was moved to `{}` while it trained{}",
        folder_before_, folder->path(),
        is_there(folder_before_) ? ", and another one is there now, which was left alone" : "");
}

bool OpenedRun::begins_in_its_folder() {
    if (is_in_its_folder()) return true;
    if (!is_lost_) report_moved();
    return false;
}

/// Of model.gmc and run.json what somebody has removed while the run trained.
bool OpenedRun::write_what_is_gone() {
    const auto say_gone = [&](const char* name) {
        say("gmrun: `{}` was removed while the run trained: it is written again\n", path(name));
    };
    if (!is_there(path("model.gmc")) && !model_text_.empty()) {
        say_gone("model.gmc");
        if (!write_file_atomically(path("model.gmc"), model_text_, diagnostics)) return false;
    }
    if (is_there(path("run.json"))) return true;
    say_gone("run.json");
    return write_run_record(path("run.json"), record, diagnostics);
}

}  // namespace gmc::runtime
