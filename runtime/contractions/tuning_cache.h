// Remembers which candidate was the fastest, per machine and problem, so that a problem is measured
// only once. It is a JSON file, written atomically; deleting it only costs measuring again:
//
//   {"gmc_tuning": 1, "machines": {MACHINE: {PROBLEM: {"choice": "tiled", "us": {"tiled": 812.5, ...}}}}}
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "compiler/support/diagnostic.h"

namespace gmc::runtime {

/// The measurement of one problem.
struct TuningEntry {
    /// Name of the fastest candidate.
    std::string choice;
    /// Of each candidate that was timed.
    std::vector<std::pair<std::string, double>> microseconds;
};

class TuningCache {
  public:
    /// Reads the entries of `machine` (see tuning_machine()) from the file. A file that is missing,
    /// broken or of another version counts as empty, since everything in it can be measured again.
    TuningCache(std::string path, std::string machine);

    /// A path in $XDG_CACHE_HOME/gmc or ~/.cache/gmc; "" when there is no such directory.
    static std::string default_path();

    const std::string& path() const { return path_; }
    /// The entry of a problem; null when it was never measured.
    const TuningEntry* find(const std::string& problem) const;
    void record(const std::string& problem, TuningEntry entry);
    /// Calls `observer` after each new measurement, with the number of problems measured so far.
    void on_record(std::function<void(size_t)> observer) { observer_ = std::move(observer); }
    /// Calls `wait` before anything is measured; it has to return when nothing disturbs
    /// measurements any more.
    void before_measuring(std::function<void()> wait) { waits_.push_back(std::move(wait)); }
    void begin_measuring() {
        for (const auto& wait : waits_) wait();
        waits_.clear();
    }
    /// Number of problems recorded since the last save.
    size_t unsaved() const { return unsaved_; }
    /// Number of problems recorded by this process.
    size_t measured() const { return measured_; }
    /// Merges new entries into the file as it is by now (another process may have written it).
    /// Reports kBadFile.
    [[nodiscard]] bool save(Diagnostics& diagnostics);

  private:
    std::string path_, machine_;
    std::map<std::string, TuningEntry> entries_;
    size_t unsaved_ = 0, measured_ = 0;
    std::function<void(size_t)> observer_;
    std::vector<std::function<void()>> waits_;
};

}  // namespace gmc::runtime
