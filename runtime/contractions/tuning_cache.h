// Which candidate was the fastest for which contraction, on which machine: measured once, kept in a
// file. JSON, written atomically, safe to delete:
//
//   {"gmc_tuning": 1, "machines": {MACHINE: {PROBLEM: {"choice": "tiled", "us": {"tiled": 812.5, ...}}}}}
#pragma once

#include <exception>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/support/diagnostic.h"

namespace gmc::runtime {

/// What was measured of one problem.
struct TuningEntry {
    std::string choice;                                        ///< a candidate's name
    std::vector<std::pair<std::string, double>> microseconds;  ///< per candidate that was timed
};

/// Thrown out of the binding of a function whose contractions are being measured when nobody waits
/// for it any more (TuningCache::stop_when).
class MeasuringStopped : public std::exception {
  public:
    const char* what() const noexcept override { return "measuring of contractions was stopped"; }
};

class TuningCache {
  public:
    /// What `path` says of `machine` (tuning_machine()). A file that is missing, broken or of
    /// another version counts as empty: what is in it can be measured again.
    TuningCache(std::string path, std::string machine);

    /// In $XDG_CACHE_HOME/gmc or ~/.cache/gmc; "" where there is no such place.
    static std::string default_path();
    TuningCache(const TuningCache&) = delete;
    TuningCache& operator=(const TuningCache&) = delete;
    ~TuningCache();

    const std::string& path() const { return path_; }
    /// Null when the problem was never measured.
    const TuningEntry* find(const std::string& problem) const;
    void record(const std::string& problem, TuningEntry entry);
    /// Called after each record with the number of problems measured so far.
    void on_record(std::function<void(size_t)> observer) { observer_ = std::move(observer); }
    /// Called before anything more is measured: waits until what would disturb it has ended.
    void before_measuring(std::function<void()> wait) { waits_.push_back(std::move(wait)); }
    /// Around the measuring of a problem. In between no other process measures for this file: two
    /// at once would disturb each other and choose differently. The beginning reads what others
    /// have found, and throws MeasuringStopped; the end saves what is new.
    void begin_measuring();
    void end_measuring();
    /// Measuring ends as soon as `stop` says so.
    void stop_when(std::function<bool()> stop) { stop_ = std::move(stop); }
    /// Throws MeasuringStopped where measuring is to end.
    void check_stop() const {
        if (stop_ && stop_()) throw MeasuringStopped();
    }

    /// From now on these candidates (by problem) are taken, whatever was measured: the choices of
    /// an earlier process, which make the same bits. They are not saved.
    void pin(const std::map<std::string, std::string>& choices);
    /// A candidate was taken for a problem.
    void use(const std::string& problem, std::string_view choice) { used_[problem] = choice; }
    /// Those that were taken so far.
    const std::map<std::string, std::string>& used() const { return used_; }
    /// Problems recorded since the last save.
    size_t unsaved() const { return unsaved_; }
    /// Problems recorded by this process.
    size_t measured() const { return measured_; }
    /// Adds what is new to what the file says by now. Errors: kBadFile.
    [[nodiscard]] bool save(Diagnostics& diagnostics);

  private:
    void read_entries();

    std::string path_, machine_;
    std::map<std::string, TuningEntry> entries_, pinned_;
    std::map<std::string, std::string> used_;
    std::function<bool()> stop_;
    int lock_ = -1;  ///< of the file beside the cache, while this process measures
    size_t unsaved_ = 0, measured_ = 0;
    std::function<void(size_t)> observer_;
    std::vector<std::function<void()>> waits_;
};

}  // namespace gmc::runtime
