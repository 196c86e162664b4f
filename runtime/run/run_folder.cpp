// Makes and locks the folders of runs. mkdir is atomic, so it decides which process gets a new
// folder; flock tells whether a process trains in it, and is given back by the system when the
// process ends in whatever way.
#include "runtime/run/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "compiler/support/json.h"
#include "compiler/support/paths.h"
#include "compiler/support/say.h"
#include "compiler/support/temporary_files.h"
#include "runtime/files/atomic_file.h"
#include "runtime/files/run_names.h"
#include "runtime/output/metrics_log.h"
#include "runtime/run/kept_checkpoints.h"
#include "runtime/run/replay.h"
#include "runtime/run/run_files.h"
#include "runtime/run/run_log.h"
#include "runtime/run/run_record.h"
#include "runtime/run/trainer.h"
#include "runtime/train/checkpoint.h"

namespace gmc::runtime {
namespace {

namespace fs = std::filesystem;

/// "runs/NAME", "runs/NAME-2", ...
std::string numbered(const std::string& name, int number) {
    return "runs/" + name + (number == 1 ? "" : fmt::format("-{}", number));
}

Failure cannot_be_made(const std::string& path, const std::string& why, Diagnostics& diagnostics) {
    diagnostics.error(DiagnosticKind::kBadFile, {}, "the run's folder `{}` cannot be made: {}",
                      path, why);
    return {};
}

/// Creates the folders above `path`, and gives those that were not there, the innermost first.
Result<std::vector<std::string>> make_parents(const std::string& path, Diagnostics& diagnostics) {
    const fs::path parent = fs::path(path).parent_path();
    std::vector<std::string> made;
    for (fs::path above = parent; !above.empty() && !is_there(above.string());
         above = above.parent_path())
        made.push_back(above.string());
    std::error_code error;
    if (!parent.empty()) fs::create_directories(parent, error);
    if (error) return cannot_be_made(path, error.message(), diagnostics);
    return made;
}

/// What the file of a lock says: the number of a process.
std::string read_lock(int fd) {
    std::array<char, 32> text{};
    const ssize_t bytes = ::pread(fd, text.data(), text.size() - 1, 0);
    return {text.data(), static_cast<size_t>(std::max<ssize_t>(bytes, 0))};
}

/// What fails is no matter: the number only serves a message.
void write_lock(int fd, const std::string& text) {
    if (::ftruncate(fd, 0) == 0) (void)!::pwrite(fd, text.data(), text.size(), 0);
}

/// The process that holds the lock.
std::string holder(int fd) {
    const std::string id = read_lock(fd);
    return id.empty() ? "" : " (process " + id.substr(0, id.find('\n')) + ")";
}

bool is_empty_folder(const std::string& path) {
    std::error_code error;
    return fs::is_empty(path, error);
}

/// The kept checkpoint to go on from: the newest that can be read, else the newest; "" when there
/// is none.
std::string newest_kept(const std::string& run) {
    if (const auto whole = newest_whole(run)) return run + "/" + whole->file;
    const std::vector<std::string> names = kept_checkpoints(run);
    return names.empty() ? "" : run + "/checkpoints/" + names.back();
}

/// What training would overwrite in a folder that holds no run; "" when there is nothing.
std::string foreign_file(const std::string& path) {
    for (const char* name : {"metrics.jsonl", "model.gmc", "checkpoints"})
        if (is_there(path + "/" + name)) return name;
    return "";
}

Failure lacks_checkpoint(const std::string& run, const std::string& kept,
                         Diagnostics& diagnostics) {
    diagnostics
        .error(DiagnosticKind::kBadFile, {}, "the run in `{}` has lost its `{}`, but keeps `{}`",
               run, kCheckpointName, kept)
        .help(
            fmt::format("copy that file to `{}/{}` to go on from it; --overwrite begins a new run",
                        run, kCheckpointName));
    return {};
}

/// Whether a log of metrics goes beyond the first epoch, at whose end a checkpoint is written.
Result<bool> has_later_epoch(const std::string& path, Diagnostics& diagnostics) {
    auto log = open_log(path, diagnostics);
    if (!log.ok()) return Failure{};
    std::string line;
    while (std::getline(*log, line)) {
        const std::optional<Json> row = Json::parse(line);
        if (row && row->contains("epoch") && row->at("epoch").is_whole() &&
            row->at("epoch").whole() > 1)
            return true;
    }
    return false;
}

/// "runs/NAME" and "runs/NAME-2", but not "runs/NAME-more".
bool has_name_of(const std::string& path, const std::string& model_name) {
    const std::string name = fs::path(path).filename().string();
    if (!name.starts_with(model_name)) return false;
    const std::string rest = name.substr(model_name.size());
    return rest.empty() ||
           (rest.size() > 1 && rest[0] == '-' &&
            std::all_of(rest.begin() + 1, rest.end(), [](char c) { return c >= '0' && c <= '9'; }));
}

/// When the run in `path` was trained last.
fs::file_time_type trained_at(const std::string& path) {
    for (const char* name : {kCheckpointName, "run.json", ""}) {
        std::error_code gone;
        const fs::file_time_type at = fs::last_write_time(fs::path(path) / name, gone);
        if (!gone) return at;
    }
    return fs::file_time_type::min();
}

/// What the run in `path` has in common with `module`; none where it is of another model. A run
/// without a record is of the networks that its checkpoint names.
std::optional<FoundRun::Of> what_in_common(const std::string& path, const ir::Module& module) {
    using Of = FoundRun::Of;
    Diagnostics unreadable;
    const ir::Origin& origin = module.origin;
    auto record = read_run_record(path + "/run.json", unreadable);
    if (!record.ok() && has_run_aside(path))
        record = read_run_record(path + "/" + kReplaced + "/run.json", unreadable);
    if (!record.ok()) {
        RunRecord written;
        const CheckpointOrigin by = origin_of_checkpoint(path + "/" + kCheckpointName);
        written.origin.model = by.model, written.origin.data = by.data;
        const bool has_networks = !by.model.empty() && train_alike(by.model, origin.model);
        if (!has_networks && !has_name_of(path, module.name)) return std::nullopt;
        return difference(written, origin).empty() ? Of::kModel : Of::kName;
    }
    if (record->model != module.name) return std::nullopt;
    if (!difference(*record, origin).empty()) return Of::kName;
    const bool bf16 = module.compilation.precision == ir::DType::kBf16;
    const bool is_same =
        train_alike(record->origin.model, origin.model) && record->origin.data == origin.data &&
        record->origin.settings == origin.settings && record->origin.texts == origin.texts &&
        record->precision == (bf16 ? "bf16" : "f32");
    return is_same ? Of::kFile : Of::kModel;
}

/// Adds those in the folder `within` and, down to a few levels, in folders there.
void add_runs(const std::string& within, int level, const ir::Module& module,
              std::vector<FoundRun>& out) {
    constexpr int kDeepest = 4;
    std::error_code error;
    for (const fs::path& each : paths_in(within)) {
        const std::string path = each.string();
        if (!is_folder(path)) continue;
        if (is_folder_of_run(path) || is_there(path + "/model.gmc") || has_run_aside(path)) {
            // One of a process that was killed at once has nothing but its lock.
            const auto of = what_in_common(path, module);
            if (of && paths_in(path).size() > (is_there(path + "/.lock") ? 1U : 0U))
                out.push_back({path, *of, trained_at(path)});
        } else if (level < kDeepest && !fs::is_symlink(each, error)) {
            add_runs(path, level + 1, module, out);
        }
    }
}

}  // namespace

/// The lock is flock's, which ends with the process, however that ends; the number of the process
/// in the file serves the message only. Half-written files of killed processes are removed under
/// the lock.
Result<RunFolder> RunFolder::lock(const std::string& path, bool made, Diagnostics& diagnostics) {
    if (!keeps_to_itself(path, diagnostics)) return Failure{};
    const std::string file = path + "/.lock";
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0) {
        diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` cannot be written: {}", file,
                          std::strerror(errno));
        return Failure{};
    }
    const int folder_fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    RunFolder folder(path, fd, folder_fd, made);
    // On file systems without locks (ENOLCK, ENOTSUP) training goes on without one.
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        diagnostics
            .error(DiagnosticKind::kBadFile, {}, "another process{} trains in `{}`", holder(fd),
                   path)
            .help("wait until it ends, or name another folder with --run");
        return Failure{};
    }
    struct stat status {};  // a hard link is a file of another folder, too
    if (::fstat(fd, &status) == 0 && status.st_nlink == 1) {
        folder.lock_before_ = read_lock(fd);
        write_lock(fd, fmt::format("{}\n", getpid()));
    }
    remove_abandoned_files(path);
    remove_abandoned_files(path + "/samples");
    remove_abandoned_files(path + "/checkpoints");
    if (has_run_aside(path)) settle_run_aside(path);
    folder.guard();
    return folder;
}

/// A checkpoint is what makes a folder a run that must not be overwritten: one without it was
/// interrupted before it had anything to lose. It is looked for under the lock, so that two
/// processes cannot both find none.
Result<RunFolder> RunFolder::open(const std::string& path, Use use, Diagnostics& diagnostics) {
    bool made = false;
    std::vector<std::string> parents;
    if (use != Use::kResume) {
        auto above = make_parents(path, diagnostics);
        if (!above.ok()) return Failure{};
        parents = above.take();
        made = ::mkdir(path.c_str(), 0777) == 0;
        if (!made && errno != EEXIST)
            return cannot_be_made(path, std::strerror(errno), diagnostics);
    }
    if (!is_folder(path)) {
        std::error_code none;
        diagnostics.error(DiagnosticKind::kBadFile, {}, "there is no run in `{}`{}", path,
                          is_there(path)               ? ": it is no folder"
                          : fs::is_symlink(path, none) ? ": it is a link to what is not there"
                                                       : "");
        return Failure{};
    }
    std::error_code ignored;
    if (fs::weakly_canonical(path, ignored) == "/") {
        diagnostics.error(DiagnosticKind::kBadFile, {}, "`{}` cannot be a run's folder", path)
            .help("name another one, such as `runs/first`, with --run");
        return Failure{};
    }
    if (use == Use::kOverwrite && !is_folder_of_run(path) && !is_empty_folder(path)) {
        diagnostics
            .error(DiagnosticKind::kBadFile, {}, "`{}` has files, but holds no run to overwrite",
                   path)
            .help("name a run's folder, or a new one, with --run");
        return Failure{};
    }
    const bool is_recorded = is_folder_of_run(path);
    if (const std::string name = foreign_file(path);
        use == Use::kNew && !is_recorded && !name.empty()) {
        diagnostics
            .error(DiagnosticKind::kBadFile, {},
                   "`{}` holds no run, but has a `{}` that training would overwrite", path, name)
            .help("name another folder with --run");
        return Failure{};
    }
    auto folder = lock(path, made, diagnostics);
    if (!folder.ok()) return Failure{};
    folder->held_run_ = is_recorded || use != Use::kNew;
    folder->made_above_ = std::move(parents);
    if (use == Use::kNew && folder->has_checkpoint()) {
        diagnostics
            .error(DiagnosticKind::kBadFile, {}, "`{}` holds a run already: it has a checkpoint",
                   path)
            .help("--resume goes on with it, --overwrite gives it up for a new one");
        return Failure{};
    }
    if (use == Use::kNew && is_recorded)
        if (const std::string kept = newest_kept(path); !kept.empty())
            return lacks_checkpoint(path, kept, diagnostics);
    return folder;
}

Result<RunFolder> RunFolder::make_next(const std::string& name, Diagnostics& diagnostics) {
    auto above = make_parents(numbered(name, 1), diagnostics);
    if (!above.ok()) return Failure{};
    for (int number = 1;; ++number) {
        const std::string path = numbered(name, number);
        if (::mkdir(path.c_str(), 0777) == 0) {
            auto folder = lock(path, true, diagnostics);
            if (folder.ok()) folder->made_above_ = above.take();
            return folder;
        }
        if (errno != EEXIST) return cannot_be_made(path, std::strerror(errno), diagnostics);
    }
}

std::vector<FoundRun> RunFolder::all(const ir::Module& module) {
    std::vector<FoundRun> all;
    add_runs("runs", 1, module, all);
    std::sort(all.begin(), all.end(), [](const FoundRun& a, const FoundRun& b) {
        return std::tuple(a.of, a.trained, a.folder.size(), a.folder) >
               std::tuple(b.of, b.trained, b.folder.size(), b.folder);
    });
    return all;
}

std::string RunFolder::newest(const ir::Module& module) {
    for (const FoundRun& run : all(module))
        if (runtime::has_checkpoint(run.folder)) return run.folder;
    return "";
}

RunFolder::RunFolder(RunFolder&& other) noexcept
    : path_(std::move(other.path_)),
      home_(std::move(other.home_)),
      fd_(std::exchange(other.fd_, -1)),
      folder_fd_(std::exchange(other.folder_fd_, -1)),
      guarded_(std::move(other.guarded_)),
      made_(other.made_),
      made_above_(std::move(other.made_above_)),
      held_run_(other.held_run_),
      lock_before_(std::move(other.lock_before_)) {}

RunFolder::~RunFolder() {
    if (folder_fd_ >= 0) {
        for (const std::string& path : guarded_) unguard_folder(path);
        ::close(folder_fd_);
    }
    if (fd_ < 0) return;
    if (lock_before_) write_lock(fd_, *lock_before_);
    ::close(fd_);
}

bool RunFolder::has_checkpoint() const { return runtime::has_checkpoint(path_); }

// A run that was killed before its first checkpoint has lost nothing: it begins anew.
bool RunFolder::can_go_on(const ir::Module& model, Diagnostics& diagnostics) const {
    if (has_checkpoint()) return true;
    if (const std::string kept = newest_kept(path_); !kept.empty()) {
        lacks_checkpoint(path_, kept, diagnostics);
        return false;
    }
    const auto goes_on = has_later_epoch(file("metrics.jsonl"), diagnostics);
    if (!goes_on.ok()) return false;
    if (*goes_on) {
        diagnostics
            .error(DiagnosticKind::kBadFile, {},
                   "the run in `{}` has lost its `{}`: `metrics.jsonl` has more than one epoch",
                   path_, kCheckpointName)
            .help("put the checkpoint back to go on from it; --overwrite begins a new run");
        return false;
    }
    const auto why = why_diverged(path_, diagnostics);
    if (!why.ok()) return false;
    const std::vector<fs::path> all = paths_in(path_);
    const bool has_replay = std::any_of(all.begin(), all.end(), [](const fs::path& each) {
        return is_replay(each.filename().string());
    });
    if (why->empty() && !has_replay) {
        say("`{}` has no checkpoint yet: it begins from the start\n", path_);
        return true;
    }
    diagnostics
        .error(DiagnosticKind::kBadFile, {},
               "the run in `{}` has no checkpoint to go on from: its training diverged before it "
               "wrote one",
               path_)
        .help("compiled with a smaller learning rate, and without --resume, it may do better");
    for (const FoundRun& run : RunFolder::all(model))
        if (run.of == FoundRun::Of::kFile && runtime::has_checkpoint(run.folder)) {
            diagnostics.note_last(
                {}, fmt::format("a run of the same model, `{}`, has a checkpoint", run.folder));
            break;
        }
    return false;
}

/// A run that is aside already stays there, instead of the one that was to replace it.
bool RunFolder::begin_new(bool replaces, Diagnostics& diagnostics) {
    if (replaces && holds_another() && !has_run_aside(path_))
        return set_run_aside(path_, diagnostics);
    if (held_run_) remove_run(path_);
    return true;
}

bool RunFolder::holds_one_aside() const { return has_run_aside(path_); }

bool RunFolder::holds_another() const {
    return has_run_aside(path_) || has_checkpoint() || !newest_kept(path_).empty();
}

void RunFolder::has_begun() const {
    if (has_run_aside(path_)) remove_run_aside(path_);
}

void RunFolder::has_ended(TrainEnd end) const {
    if (!has_run_aside(path_)) return;
    if (end == TrainEnd::kDone) return has_begun();
    if (end == TrainEnd::kDiverged && !has_trained(path_))
        return say(
            "the run that was in `{}` before is kept in `{}/{}`, and comes back when the folder is "
            "used next; what this one wrote is kept in `{}/{}` then\n",
            path_, path_, kReplaced, path_, kDiverged);
    settle_run_aside(path_);
    if (end != TrainEnd::kNotStarted && has_run_aside(path_))
        say("the run that was in `{}` before is kept in `{}/{}` until this one ends an epoch of "
            "which weights are kept, for which --resume goes on; without `{}` it comes back\n",
            path_, path_, kReplaced, file(kCheckpointName));
}

void RunFolder::settle(const std::string& path) {
    Diagnostics busy;
    if (has_run_aside(path)) (void)lock(path, false, busy);
}

/// The place that it was at stays guarded, too: what is there now is not this process's.
void RunFolder::guard() {
    if (folder_fd_ < 0) return;
    guarded_.push_back(path_);
    guard_folder(path_, folder_fd_);
}

std::string RunFolder::anchored() const {
    return folder_fd_ < 0 ? path_ : fmt::format("/proc/self/fd/{}", folder_fd_);
}

/// The system knows where an open folder is: /proc names it. Of one that was removed the entry
/// itself leads nowhere, not even to a new folder. Where /proc is missing, or the way to the folder
/// is closed for other reasons, nothing is known.
RunFolder::Place RunFolder::follow() {
    struct stat own {};
    if (folder_fd_ < 0 || ::fstat(folder_fd_, &own) != 0) return Place::kSame;
    const auto is_own = [&](const std::string& path) {
        struct stat there {};
        return ::stat(path.c_str(), &there) == 0 && there.st_dev == own.st_dev &&
               there.st_ino == own.st_ino;
    };
    if (is_own(home_)) path_ = home_;  // also where somebody has moved it back
    if (is_own(path_)) return path_ == home_ ? Place::kSame : Place::kMoved;
    const std::string entry = anchored();
    std::error_code unknown;
    const std::string now = fs::read_symlink(entry, unknown).string();
    if (!is_there(path_) && (unknown || now == path_)) return Place::kSame;
    if (is_own(home_)) return follow();  // it was moved back this moment
    const bool found = !unknown && is_own(now);
    path_ = found ? now : entry;
    if (found) guard();
    return found ? Place::kMoved : Place::kLost;
}

bool RunFolder::holds_lock() {
    struct stat own {
    }, there{};
    if (fd_ < 0 || folder_fd_ < 0 || ::fstat(fd_, &own) != 0) return true;
    if (::fstatat(folder_fd_, ".lock", &there, AT_SYMLINK_NOFOLLOW) == 0 &&
        there.st_dev == own.st_dev && there.st_ino == own.st_ino)
        return true;
    const int fd = ::openat(folder_fd_, ".lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0) return true;  // the folder is gone, or closed: so it is to others
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        ::close(fd);
        return false;
    }
    write_lock(fd, fmt::format("{}\n", getpid()));
    ::close(std::exchange(fd_, fd));
    return true;
}

void RunFolder::discard() {
    if (!made_) return;
    // To list a folder takes a file descriptor, of which there may be no more. A folder with
    // nothing but the lock needs no list.
    std::error_code ignored;
    fs::remove(file(".lock"), ignored);
    if (!fs::remove(path_, ignored)) fs::remove_all(path_, ignored);
    for (const std::string& above : made_above_)
        if (!fs::remove(above, ignored)) return;  // another process has a run there
}

}  // namespace gmc::runtime
