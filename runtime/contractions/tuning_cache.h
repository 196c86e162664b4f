// Remembers which candidate was the fastest, per machine and problem, so that a problem is measured
// only once. It is a JSON file, written atomically; deleting it only costs measuring again:
//
//   {"gmc_tuning": 1, "machines": {MACHINE: {PROBLEM: {"choice": "tiled", "doubtful": false,
//   "measurements": 1, "us": {"tiled": 812.5, ...}, "error": {"tiled": 0.72, ...}}}}}
//
// A choice is doubtful when other programs disturbed its measurement. It holds for the process that
// measured it; the next one measures again.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/support/diagnostic.h"
#include "compiler/support/stop_work.h"

namespace gmc::runtime {

/// The measurement of one problem.
struct TuningEntry {
    /// Name of the fastest candidate.
    std::string choice;
    /// Of each candidate that was timed.
    std::vector<std::pair<std::string, double>> microseconds;
    bool doubtful = false;
    int64_t measurements = 1;  ///< how often it was measured
    /// The rounding error of each, as a multiple of that of direct sums (choice/rounding_error.h).
    std::map<std::string, double> errors = {};
};

/// Thrown out of the binding of a function whose contractions are being measured when nobody waits
/// for it any more (TuningCache::stop_when).
class MeasuringStopped : public WorkStopped {
  public:
    const char* what() const noexcept override { return "measuring of contractions was stopped"; }
};

/// The measurements of one machine in memory, and the file that they come from and go to.
class TuningCache {
  public:
    /// Reads the entries of `machine` (see tuning_machine()) from the file. A file that is missing,
    /// broken or of another version counts as empty, since everything in it can be measured again.
    TuningCache(std::string path, std::string machine);

    /// A path in $XDG_CACHE_HOME/gmc or ~/.cache/gmc; "" when there is no such directory.
    static std::string default_path();
    TuningCache(const TuningCache&) = delete;
    TuningCache& operator=(const TuningCache&) = delete;
    ~TuningCache();

    const std::string& path() const { return path_; }
    /// The entry of a problem; null when it was never measured.
    const TuningEntry* find(const std::string& problem) const;
    /// Whether a problem that was measured is to be measured again: its choice is doubtful, or
    /// renew() was called. Each process measures a problem at most once.
    bool wants_again(const std::string& problem) const;
    /// From now on a form with fewer products may be chosen however large its rounding errors are
    /// (--fast-math). Such a cache needs a machine's name of its own.
    void accept_any_error() { accepts_any_error_ = true; }
    bool accepts_any_error() const { return accepts_any_error_; }
    /// From now on nothing is measured: what is not known is chosen by the static rules.
    void measure_nothing() { measures_ = false; }
    bool measures() const { return measures_; }
    /// From now on what other processes measured counts as doubtful.
    void renew() { renew_ = true; }
    void record(const std::string& problem, TuningEntry entry);
    /// Calls `observer` after each new measurement, with the number of problems measured so far.
    void on_record(std::function<void(size_t)> observer) { observer_ = std::move(observer); }
    /// Calls `wait` before anything is measured; it has to return when nothing disturbs
    /// measurements any more. What was given last is called first. What it throws comes out of
    /// begin_measuring().
    void before_measuring(std::function<void()> wait) {
        waits_.insert(waits_.begin(), std::move(wait));
    }
    /// To be called around the measuring of a problem. Between the two calls no other process
    /// measures for this file: two at once would disturb each other and choose differently.
    /// begin_measuring() reads what others have found, and throws MeasuringStopped where measuring
    /// is to end; end_measuring() saves what is new. A process that holds the file and saves
    /// nothing while it is asked for `patience` times is not waited for any more: this one goes on
    /// without the file, and what it measures is not kept.
    void begin_measuring();
    /// Whether it goes on without the file.
    bool is_alone() const { return is_alone_; }
    /// It is asked every 20 ms; by default 1000 times, far longer than a problem takes to measure.
    void set_patience(int times) { patience_ = times; }
    /// Calls `observer` once with the path of the lock when another process is waited for, and once
    /// when it is not waited for any more.
    void on_wait(std::function<void(const std::string& lock, bool gives_up)> observer) {
        on_wait_ = std::move(observer);
    }
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
    /// Notes that a candidate was taken for a problem.
    void use(const std::string& problem, std::string_view choice) { used_[problem] = choice; }
    /// The candidates that were taken so far, by problem.
    const std::map<std::string, std::string>& used() const { return used_; }
    /// Number of problems recorded since the last save.
    size_t unsaved() const { return unsaved_; }
    /// Number of problems recorded by this process.
    size_t measured() const { return measured_; }
    /// Adds what this process measured to the file. The file is read anew for that, because another
    /// process may have written it in the meantime. Reports kBadFile.
    [[nodiscard]] bool save(Diagnostics& diagnostics);

  private:
    void read_entries();
    void take_lock();

    std::string path_, machine_;
    std::map<std::string, TuningEntry> entries_, pinned_;
    std::set<std::string> mine_;  ///< problems that this process has measured
    bool renew_ = false, accepts_any_error_ = false, measures_ = true;
    std::map<std::string, std::string> used_;
    std::function<bool()> stop_;
    int lock_ = -1;  ///< of the file beside the cache, while this process measures
    int patience_ = 1000;
    bool has_waited_ = false, is_alone_ = false;  ///< told so; without the file
    std::function<void(const std::string&, bool)> on_wait_;
    size_t unsaved_ = 0, measured_ = 0;
    std::function<void(size_t)> observer_;
    std::vector<std::function<void()>> waits_;
};

}  // namespace gmc::runtime
