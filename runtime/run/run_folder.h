// The folder of a run. One process makes it, and a process that trains in it holds a lock, so that
// two processes never write the same run.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "compiler/ir/module.h"
#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::runtime {

enum class TrainEnd;

/// A run of a model, found in `runs/`.
struct FoundRun {
    /// What it has in common with the module that is asked for, beside the name.
    enum class Of {
        kName,   ///< nothing more: its networks, losses or data are others
        kModel,  ///< networks, losses and data, as far as it says
        kFile,   ///< texts, --set and precision, too: it was trained with this very file
    };
    std::string folder;
    Of of = Of::kName;
    std::filesystem::file_time_type trained;  ///< when its checkpoint was written
};

/// A run's folder, locked as long as this object lives (flock on DIR/.lock). Another process that
/// wants to train there gets an error.
class RunFolder {
  public:
    enum class Use {
        /// A run begins; an error when the folder has a checkpoint.
        kNew,
        /// A run begins and replaces the one in the folder (see begin_new()).
        kOverwrite,
        /// A run goes on; an error when there is none.
        kResume,
    };
    /// Opens `path`, and creates it unless a run is resumed. Removes temporary files of killed
    /// processes. Errors (kBadFile): it cannot be created or locked, another process trains there,
    /// there is a run (kNew), there is none (kResume, and kOverwrite where other files are).
    static Result<RunFolder> open(const std::string& path, Use use, Diagnostics& diagnostics);
    /// Creates runs/NAME, or the first of runs/NAME-2, runs/NAME-3, ... that does not exist.
    /// Processes that ask at the same moment get different folders.
    static Result<RunFolder> make_next(const std::string& name, Diagnostics& diagnostics);
    /// The runs of a model in `runs/`, also within folders there, whatever they are called: those
    /// whose run.json names it or, without that, whose checkpoint is of its networks or whose
    /// folder is called NAME, NAME-2, ... Those that have most in common with it come first, and of
    /// these those that were trained last.
    static std::vector<FoundRun> all(const ir::Module& module);
    /// The first of them that has a checkpoint; "" when none has.
    static std::string newest(const ir::Module& module);

    RunFolder(RunFolder&& other) noexcept;
    RunFolder& operator=(RunFolder&&) = delete;
    ~RunFolder();

    /// Where it was when it was opened; behind follow(), where it is now.
    const std::string& path() const { return path_; }
    std::string file(const std::string& name) const { return path_ + "/" + name; }
    bool has_checkpoint() const;
    /// Whether --resume may go on here: with the checkpoint or, where the run was killed before its
    /// first, from the start, which a line on stderr says. Not where it diverged: then an error
    /// (kBadFile) names the run of the model that has a checkpoint.
    [[nodiscard]] bool can_go_on(const ir::Module& model, Diagnostics& diagnostics) const;
    /// A new run begins to write: what an earlier one wrote goes or, where it `replaces` one that
    /// has checkpoints, is set aside until has_begun(). False after an error: the earlier run is as
    /// it was.
    [[nodiscard]] bool begin_new(bool replaces, Diagnostics& diagnostics);
    /// Whether there is a run that a new one replaces, in its place or set aside.
    bool holds_another() const;
    /// Whether begin_new() has set one aside that is still there.
    bool holds_one_aside() const;
    /// The run has a checkpoint that was due, of weights that it has trained: the one that it
    /// replaces goes.
    void has_begun() const;
    /// The process trains no more here. A run that was to be replaced by one that took no step
    /// comes back, where this one diverged when the folder is used next; beside one that ended
    /// before a checkpoint was due it stays. A line on stderr says so.
    void has_ended(TrainEnd end) const;
    /// Does what a process that was killed while it replaced the run in the folder `path` left to
    /// do (run_files.h), unless another one trains there.
    static void settle(const std::string& path);
    /// What follow() finds at the folder's path.
    enum class Place {
        kSame,  ///< the folder
        kMoved,  ///< nothing, or another one: this one lies elsewhere, where path() leads from now on
        kLost,  ///< nothing, or another one: this one was removed, and path() leads nowhere
    };
    /// Looks whether the folder is still in its place. A folder that somebody has put there in the
    /// meantime is not this process's, whose lock is on the one that it opened.
    Place follow();
    /// Whether the lock is this process's. Where somebody has removed its file, it is made again;
    /// false where another process has done so meanwhile, and trains there.
    bool holds_lock();
    /// A path that leads to this folder wherever it lies, and to no other, while the process lives.
    std::string anchored() const;
    /// Removes the folder and those above it, as far as open() or make_next() created them, for a
    /// run that never began.
    void discard();

  private:
    RunFolder(std::string path, int fd, int folder_fd, bool made)
        : path_(std::move(path)), home_(path_), fd_(fd), folder_fd_(folder_fd), made_(made) {}
    void guard();
    static Result<RunFolder> lock(const std::string& path, bool made, Diagnostics& diagnostics);

    std::string path_, home_;           ///< where it is; where it was when it was opened
    int fd_ = -1;                       ///< of the lock's file
    int folder_fd_ = -1;                ///< of the folder, which it names wherever that lies
    std::vector<std::string> guarded_;  ///< paths at which only this folder is written into
    bool made_ = false;
    std::vector<std::string> made_above_;  ///< folders above it, the innermost first
    bool held_run_ = false;                ///< when it was opened
    /// What the lock's file said before this process wrote its number; nothing where it has not.
    std::optional<std::string> lock_before_;
};

}  // namespace gmc::runtime
