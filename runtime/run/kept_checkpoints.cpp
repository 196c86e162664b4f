// Keeps checkpoints under other names: as hard links, which cost no space, put in place by
// renaming, so that each is whole or not there. Where there are no links, the file is copied.
#include "runtime/run/kept_checkpoints.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/support/paths.h"
#include "compiler/support/say.h"
#include "compiler/support/temporary_files.h"
#include "runtime/files/atomic_file.h"
#include "runtime/files/files_before.h"
#include "runtime/files/run_names.h"
#include "runtime/run/run_record.h"
#include "runtime/train/checkpoint.h"

namespace gmc::runtime {

namespace fs = std::filesystem;

namespace {
constexpr char kEnding[] = ".safetensors";
constexpr char kKeptStep[] = "step-";
constexpr char kBest[] = "best";
constexpr NumberedName kStepName{.prefix = kKeptStep, .ending = kEnding, .digits = 8};
}  // namespace

/// `best`, or one that was set aside: `best-FIGURE-step-00000500`, perhaps with a number behind it.
static bool is_name_of_best(std::string_view name) {
    if (!name.starts_with(kBest) || !name.ends_with(kEnding)) return false;
    name.remove_suffix(std::string_view(kEnding).size());
    const size_t at = name.rfind(kKeptStep);
    if (name == kBest || at == std::string::npos || name[at - 1] != '-') return name == kBest;
    std::string_view step = name.substr(at);
    if (const size_t digits = step.find_last_not_of("0123456789");
        digits >= std::string_view(kKeptStep).size() && step[digits] == '-')
        step = step.substr(0, digits);
    return step_of_checkpoint(std::string(step) + kEnding).has_value();
}

std::optional<int64_t> step_of_checkpoint(std::string_view name) {
    return kStepName.number_in(name);
}

bool is_kept_checkpoint(std::string_view name) {
    return step_of_checkpoint(name).has_value() || is_name_of_best(name);
}

/// Gives the file `from` the name `to`, which messages call `called`, too. False after an error.
static bool keep_as(const std::string& from, const std::string& to, const std::string& called,
                    Diagnostics& diagnostics) {
    const std::string beside = temporary_name(to);
    std::error_code error;
    fs::create_directory(fs::path(to).parent_path(), error);
    if (!error) {
        std::error_code none;
        fs::remove(beside, none);
        fs::create_hard_link(from, beside, error);
        if (error) fs::copy_file(from, beside, error);
    }
    if (!error) fs::rename(beside, to, error);
    std::error_code gone;  // where both are links to one file already, renaming leaves them there
    fs::remove(beside, gone);
    if (error)
        diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` cannot be written: {}", called,
                          error.message());
    return !error;
}

bool keep_checkpoint_as(const std::string& run, const std::string& name, Diagnostics& diagnostics,
                        const std::string& called) {
    return keep_as(run + "/" + kCheckpointName, run + "/" + name,
                   (called.empty() ? run : called) + "/" + name, diagnostics);
}

std::string name_of_kept_step(int64_t step) { return kStepName.of(step); }

std::string why_misnamed(const std::string& run, const std::string& name) {
    const std::string path = run + "/checkpoints/" + name;
    Diagnostics unreadable;
    const auto file = open_weights(path, unreadable);
    const std::string* step = file.ok() ? file->metadata("step") : nullptr;
    if (step == nullptr || !step_of_checkpoint(name)) return "";
    const std::string right = name_of_kept_step(std::atoll(step->c_str()));
    return name == right ? ""
                         : fmt::format("`{}` holds step {}, which is called `{}`", path,
                                       step->substr(0, 20), right);
}

bool KeptCheckpoints::add(int64_t step, Diagnostics& diagnostics) const {
    return last_ <= 1 || keep_checkpoint_as(folder_, "checkpoints/" + name_of_kept_step(step),
                                            diagnostics, called_);
}

bool KeptCheckpoints::keep(int64_t step, Diagnostics& diagnostics) const {
    if (!add(step, diagnostics)) return false;
    drop(step);
    return true;
}

void KeptCheckpoints::drop(int64_t step) const {
    std::error_code error;
    std::vector<std::pair<int64_t, fs::path>> kept;
    for (const fs::path& path : paths_in(folder_ + "/checkpoints"))
        if (const auto of = step_of_checkpoint(path.filename().string());
            of && is_regular(path.string()))
            kept.emplace_back(*of, path);
    std::sort(kept.rbegin(), kept.rend());
    const int64_t stay = last_ > 1 ? last_ : 0;  // one is the checkpoint itself
    if (std::ssize(kept) > stay || (!kept.empty() && kept.front().first > step)) {
        int64_t staying = 0;
        for (const auto& [of, path] : kept) {
            // Under a wrong name it may be the only one of its step.
            if (!why_misnamed(folder_, path.filename().string()).empty()) continue;
            if (of <= step && staying < stay)
                ++staying;
            else if (may_go(path.string()))
                fs::remove(path, error);
        }
    }
    fs::remove(folder_ + "/checkpoints", error);  // only where it is empty
}

bool KeptCheckpoints::keep_best(Diagnostics& diagnostics) const {
    return keep_checkpoint_as(folder_, kBestName, diagnostics, called_);
}

/// What tells that a checkpoint is not the best one that the run knows; "" when nothing does. An
/// epoch that ended with a better figure than all before it has written that into its checkpoint.
std::string KeptCheckpoints::why_other(const std::string& path,
                                       const CheckpointHeader& header) const {
    if (!train_alike(header.model_fingerprint, best_.model))
        return fmt::format("`{}` is a checkpoint of {} than the run's", path, kOtherModel);
    const TrainingState& at = header.training;
    if (at.seed != best_.seed)
        return fmt::format("`{}` has seed {}, but the run has seed {}", path, at.seed, best_.seed);
    const bool ends_epoch = at.step > 0 && at.epoch_began == at.step && !at.epoch_end_left;
    if (ends_epoch && at.best.epochs_since == 0 && at.best.best == best_.value) return "";
    return fmt::format("`{}`, of step {}, is not the run's best checkpoint, that with `{}` {:.6g}",
                       path, at.step, best_.figure, *best_.value);
}

/// Reads the whole file only where its metadata do not tell already that it is another.
bool KeptCheckpoints::is_best(const std::string& path) const {
    Diagnostics unreadable;
    if (!is_regular(path)) return false;
    const auto file = open_weights(path, unreadable);
    if (!file.ok()) return false;
    const std::string* value = file->metadata("best");
    if (value == nullptr || *value != fmt::format("{}", *best_.value)) return false;
    const auto header = read_checkpoint_header(path, unreadable);
    return header.ok() && why_other(path, *header).empty();
}

/// The newest of the steps that are kept which is the best; "" where none is.
std::string KeptCheckpoints::copy_of_best() const {
    std::vector<std::string> names = kept_checkpoints(folder_);
    std::reverse(names.begin(), names.end());
    for (const std::string& name : names)
        if (const std::string path = folder_ + "/checkpoints/" + name;
            step_of_checkpoint(name) && is_best(path))
            return path;
    return "";
}

/// A whole file that has the name of the best, and is not, stays, and so does the copy.
bool KeptCheckpoints::may_go(const std::string& path) const {
    const std::string best = folder_ + "/" + kBestName;
    std::error_code none;
    if (!best_.value || fs::equivalent(path, best, none) || !is_best(path) || is_best(best))
        return true;
    Diagnostics unreadable;
    const bool is_whole = is_there(best) && read_checkpoint_header(best, unreadable).ok();
    if (is_whole || !keep_as(path, best, best, unreadable)) return false;
    const bool is_inside = path.starts_with(folder_ + "/");
    const std::string copy = is_inside ? called_ + path.substr(folder_.size()) : path;
    say("gmrun: `{}/{}` was lost or damaged: `{}`, a copy, takes its place\n", called_, kBestName,
        copy);
    return true;
}

bool KeptCheckpoints::find_best(TrainingState& at, bool is_last, FilesBefore& before,
                                Diagnostics& diagnostics) const {
    const std::string path = folder_ + "/" + kBestName;
    if (!best_.value) return true;
    before.keep_absence(path);
    std::string why = fmt::format("`{}` is missing", path), aside;
    if (is_there(path)) {
        Diagnostics unreadable;
        const auto header = read_checkpoint_header(path, unreadable);
        why = header.ok() ? why_other(path, *header) : unreadable.list().front().text;
        if (why.empty()) return true;
        // A process that was killed may not have replaced the best before.
        const bool is_earlier =
            header.ok() && train_alike(header->model_fingerprint, best_.model) &&
            header->training.seed == best_.seed && header->training.step < at.step;
        if (is_last && is_earlier) return keep_best(diagnostics);
        if (header.ok()) {
            const auto name = set_best_aside("other", diagnostics);
            if (!name.ok()) return false;
            aside = fmt::format("it is kept as `{}`, and ", folder_ + "/" + *name);
            before.keep_name(path, folder_ + "/" + *name);
            before.keep_absence(path);
        }
    } else if (is_last) {
        return keep_best(diagnostics);
    }
    const std::string copy = is_last ? folder_ + "/" + kCheckpointName : copy_of_best();
    if (!copy.empty() && !keep_as(copy, path, path, diagnostics)) return false;
    if (copy.empty()) at.best = {.figure = at.best.figure};
    diagnostics.warning(DiagnosticKind::kBadFile, {}, "{}: {}{}", why, aside,
                        copy.empty() ? "the best of the epochs from here on takes its place"
                                     : fmt::format("`{}`, a copy, takes its place", copy));
    return true;
}

/// The figure may be what a file says, so that only some of its characters go into the name. Where
/// the name is taken by another file, a number is added. A file that cannot be read is no best one.
Result<std::string> KeptCheckpoints::set_best_aside(const std::string& figure,
                                                    Diagnostics& diagnostics) const {
    constexpr size_t kLongest = 80;
    const std::string path = folder_ + "/" + kBestName;
    Diagnostics unreadable;
    const auto header = read_checkpoint_header(path, unreadable);
    if (!is_there(path) || !header.ok()) return std::string();
    std::string by = figure.substr(0, kLongest);
    for (char& c : by)
        if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_') c = '-';
    const std::string name =
        fmt::format("checkpoints/{}{}-{}{:08}", kBest, by.empty() ? "" : "-" + by, kKeptStep,
                    header->training.step);
    std::error_code error;
    std::string to = name + kEnding;
    for (int i = 2;
         is_there(folder_ + "/" + to) && !fs::equivalent(path, folder_ + "/" + to, error); ++i)
        to = fmt::format("{}-{}{}", name, i, kEnding);
    fs::rename(path, folder_ + "/" + to, error);
    if (error) {
        diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` cannot be renamed to `{}`: {}", path,
                          to, error.message());
        return Failure{};
    }
    fs::remove(path, error);  // where both are links to one file, renaming leaves them there
    return to;
}

std::vector<std::string> kept_checkpoints(const std::string& run) {
    std::vector<std::string> names;
    for (const fs::path& path : paths_in(run + "/checkpoints"))
        if (is_kept_checkpoint(path.filename().string()) && is_regular(path.string()))
            names.push_back(path.filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

std::optional<WholeCheckpoint> newest_whole(const std::string& run) {
    Diagnostics ignored;
    std::vector<std::string> names = kept_checkpoints(run);
    std::reverse(names.begin(), names.end());  // "best" is before "step-"
    for (const std::string& name : names) {
        const auto header = read_checkpoint_header(run + "/checkpoints/" + name, ignored);
        if (header.ok())
            return WholeCheckpoint{"checkpoints/" + name,
                                   "checkpoints/" + name.substr(0, name.rfind(kEnding)),
                                   header->training.step};
    }
    return std::nullopt;
}

void help_with_kept_checkpoint(const std::string& run, Diagnostics& diagnostics) {
    const std::string last = run + "/" + kCheckpointName;
    Diagnostics ignored;
    if (!is_there(last) || read_checkpoint_header(last, ignored).ok()) return;
    // Where files cannot be opened, as when too many are open, nothing is said of which are there.
    const std::ifstream file(is_regular(last) ? last : "/");
    std::error_code unreadable;
    (void)paths_in(run, unreadable);
    if (!file.is_open() || unreadable) return;
    if (const auto whole = newest_whole(run)) {
        diagnostics.note_last(
            {}, fmt::format("`{0}/{1}`, of step {2}, is whole: --resume goes on from it "
                            "once it is copied to `{3}`; other commands take it by --checkpoint "
                            "{4}",
                            run, whole->file, whole->step, last, whole->name));
        return;
    }
    if (!diagnostics.list().back().helps.empty()) return;
    diagnostics.note_last(
        {},
        "no other checkpoint of the run is there to take its place (`keep: {last: 3}` in the "
        "model keeps some): put a copy back, or begin a new run, here with --overwrite");
}

}  // namespace gmc::runtime
