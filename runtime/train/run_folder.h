// The folder of a run: made by one process, and locked while a process trains in it.
#pragma once

#include <string>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::runtime {

/// A run's folder, locked until this object goes (flock on DIR/.lock): another process that wants
/// to train there is refused.
class RunFolder {
  public:
    enum class Use {
        kNew,        ///< a run begins: refused where a checkpoint is
        kOverwrite,  ///< a run begins, and the one that is there is given up (clear())
        kResume,     ///< a run goes on: refused where there is none
    };
    /// Opens `path`, which is made unless a run goes on. Files that killed writers left are
    /// removed. Errors (kBadFile): cannot be made or locked, another process trains there, a run
    /// is there (kNew), none is there (kResume).
    static Result<RunFolder> open(const std::string& path, Use use, Diagnostics& diagnostics);
    /// Makes runs/NAME, or the first of runs/NAME-2, runs/NAME-3, ... that is not there. Processes
    /// that ask at the same moment get different folders.
    static Result<RunFolder> make_next(const std::string& name, Diagnostics& diagnostics);
    /// The last of runs/NAME, runs/NAME-2, ...; "" when there is none.
    static std::string newest(const std::string& name);

    RunFolder(RunFolder&& other) noexcept;
    RunFolder& operator=(RunFolder&&) = delete;
    ~RunFolder();

    const std::string& path() const { return path_; }
    std::string file(const std::string& name) const { return path_ + "/" + name; }
    bool has_checkpoint() const;
    /// Removes what an earlier run left: checkpoints, metrics and samples.
    void clear();
    /// Removes the folder where open() or make_next() made it: for a run that never began.
    void discard();

  private:
    RunFolder(std::string path, int fd, bool made) : path_(std::move(path)), fd_(fd), made_(made) {}
    static Result<RunFolder> lock(const std::string& path, bool made, Diagnostics& diagnostics);

    std::string path_;
    int fd_ = -1;
    bool made_ = false;
};

}  // namespace gmc::runtime
