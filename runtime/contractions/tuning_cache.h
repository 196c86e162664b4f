// Which candidate was the fastest for which contraction, on which machine: measured once, kept in a
// file. JSON, written atomically, safe to delete:
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

/// What was measured of one problem.
struct TuningEntry {
    std::string choice;                                        ///< a candidate's name
    std::vector<std::pair<std::string, double>> microseconds;  ///< per candidate that was timed
};

class TuningCache {
  public:
    /// What `path` says of `machine` (tuning_machine()). A file that is missing, broken or of
    /// another version counts as empty: what is in it can be measured again.
    TuningCache(std::string path, std::string machine);

    /// In $XDG_CACHE_HOME/gmc or ~/.cache/gmc; "" where there is no such place.
    static std::string default_path();

    const std::string& path() const { return path_; }
    /// Null when the problem was never measured.
    const TuningEntry* find(const std::string& problem) const;
    void record(const std::string& problem, TuningEntry entry);
    /// Called after each record with the number of problems measured so far.
    void on_record(std::function<void(size_t)> observer) { observer_ = std::move(observer); }
    /// Called before anything more is measured: waits until what would disturb it has ended.
    void before_measuring(std::function<void()> wait) { waits_.push_back(std::move(wait)); }
    void begin_measuring() {
        for (const auto& wait : waits_) wait();
        waits_.clear();
    }
    /// Problems recorded since the last save.
    size_t unsaved() const { return unsaved_; }
    /// Problems recorded by this process.
    size_t measured() const { return measured_; }
    /// Adds what is new to what the file says by now. Errors: kBadFile.
    [[nodiscard]] bool save(Diagnostics& diagnostics);

  private:
    std::string path_, machine_;
    std::map<std::string, TuningEntry> entries_;
    size_t unsaved_ = 0, measured_ = 0;
    std::function<void(size_t)> observer_;
    std::vector<std::function<void()>> waits_;
};

}  // namespace gmc::runtime
