// The file of measurements: read when a cache is made, merged and written when something was
// measured, and locked while measuring. Whatever cannot be read counts as not measured.
#include "runtime/contractions/tuning_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>
#include <utility>

#include "compiler/support/json.h"
#include "compiler/support/temporary_files.h"
#include "runtime/files/atomic_file.h"

namespace gmc::runtime {
namespace {

namespace fs = std::filesystem;

/// The version of the file's layout. A file of another version counts as empty.
constexpr int kVersion = 1;
/// A larger file cannot be one of ours, and counts as empty.
constexpr uint64_t kLargestFile = 64 << 20;

/// The contents of the file; an empty document when it cannot be used.
Json read(const std::string& path) {
    const Json empty = {{"gmc_tuning", kVersion}, {"machines", Json::object()}};
    std::error_code error;
    if (!fs::is_regular_file(path, error)) return empty;
    Diagnostics ignored;
    const Result<std::string> text = read_whole_file(path, kLargestFile, ignored);
    if (!text.ok()) return empty;
    const std::optional<Json> json = Json::parse(*text);
    if (!json || !json->contains("gmc_tuning") || !json->contains("machines")) return empty;
    const Json& version = json->at("gmc_tuning");
    const bool ours = version.is_whole() && version.number() == kVersion;
    return ours && json->at("machines").is_object() ? *json : empty;
}

}  // namespace

std::string TuningCache::default_path() {
    const char* cache = std::getenv("XDG_CACHE_HOME");
    if (cache != nullptr && *cache == '/') return std::string(cache) + "/gmc/tuning.json";
    const char* home = std::getenv("HOME");
    if (home != nullptr && *home == '/') return std::string(home) + "/.cache/gmc/tuning.json";
    return "";
}

TuningCache::TuningCache(std::string path, std::string machine)
    : path_(std::move(path)), machine_(std::move(machine)) {
    read_entries();
}

TuningCache::~TuningCache() {
    if (lock_ >= 0) ::close(lock_);
}

void TuningCache::read_entries() {
    const Json json = read(path_);
    if (!json.at("machines").contains(machine_)) return;
    const Json& problems = json.at("machines").at(machine_);
    for (size_t i = 0; i < problems.size() && problems.is_object(); ++i) {
        const std::string& problem = problems.names()[i];
        const Json& measured = problems.elements()[i];
        if (!measured.contains("choice") || !measured.at("choice").is_text()) continue;
        // What this process has measured is newer.
        if (mine_.contains(problem)) continue;
        TuningEntry& entry = entries_[problem] = {};
        entry.choice = measured.at("choice").text();
        if (measured.contains("doubtful") && measured.at("doubtful").is_flag())
            entry.doubtful = measured.at("doubtful").flag();
        if (measured.contains("measurements") && measured.at("measurements").is_whole())
            entry.measurements = measured.at("measurements").whole();
        const auto each_number = [&](const char* key, const auto& use) {
            if (!measured.contains(key)) return;
            const Json& numbers = measured.at(key);
            for (const std::string& name : numbers.names())
                if (numbers.at(name).is_number()) use(name, numbers.at(name).number());
        };
        each_number("us", [&](const std::string& name, double us) {
            entry.microseconds.emplace_back(name, us);
        });
        each_number("error",
                    [&](const std::string& name, double error) { entry.errors[name] = error; });
    }
}

void TuningCache::begin_measuring() {
    for (const auto& wait : std::exchange(waits_, {})) wait();
    if (lock_ >= 0 || path_.empty() || is_alone_) return;
    std::error_code error;
    // An error shows when the file is written.
    fs::create_directories(fs::path(path_).parent_path(), error);
    take_lock();
    remove_abandoned_files(fs::path(path_).parent_path().string());
    read_entries();
}

/// Asks for the lock of a file beside the cache every 20 ms, so that a stop is noticed while it
/// waits for another process. One that measures saves after each problem, so a file that stays as
/// it is belongs to a process that was stopped, or to something else that holds the lock.
void TuningCache::take_lock() {
    constexpr int kUntold = 25;  // the usual turns of processes that measure
    const std::string file = path_ + ".lock";
    const auto changed = [&] {
        std::error_code none;
        return fs::last_write_time(path_, none);
    };
    lock_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    auto seen = changed();
    int asked = 0, since = 0;
    // On file systems without locks, measuring goes on without one.
    while (lock_ >= 0 && ::flock(lock_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        check_stop();
        ++asked;
        if (const auto now = changed(); now != seen) {
            seen = now;
            since = asked;
        }
        is_alone_ = asked - since >= patience_;
        const bool waits = !has_waited_ && asked >= std::min(kUntold, patience_);
        has_waited_ = has_waited_ || waits;
        if (on_wait_ && waits) on_wait_(file, false);
        if (on_wait_ && is_alone_) on_wait_(file, true);
        if (is_alone_) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    if (is_alone_) ::close(std::exchange(lock_, -1));
}

void TuningCache::end_measuring() {
    Diagnostics ignored;  // what could not be saved still shows in unsaved()
    if (unsaved_ > 0) (void)save(ignored);
    if (lock_ >= 0) ::close(lock_);
    lock_ = -1;
}

void TuningCache::pin(const std::map<std::string, std::string>& choices) {
    for (const auto& [problem, choice] : choices) pinned_[problem].choice = choice;
}

const TuningEntry* TuningCache::find(const std::string& problem) const {
    const auto pinned = pinned_.find(problem);
    if (pinned != pinned_.end()) return &pinned->second;
    const auto found = entries_.find(problem);
    return found == entries_.end() ? nullptr : &found->second;
}

bool TuningCache::wants_again(const std::string& problem) const {
    if (pinned_.contains(problem) || mine_.contains(problem)) return false;
    const auto found = entries_.find(problem);
    return found != entries_.end() && (renew_ || found->second.doubtful);
}

void TuningCache::record(const std::string& problem, TuningEntry entry) {
    mine_.insert(problem);
    entries_[problem] = std::move(entry);
    ++unsaved_;
    ++measured_;
    if (observer_) observer_(measured_);
}

bool TuningCache::save(Diagnostics& diagnostics) {
    if (is_alone_) return true;
    if (!make_folder_of(path_, diagnostics)) return false;
    Json json = read(path_);
    Json& machine = json["machines"][machine_];
    if (!machine.is_object()) machine = Json::object();
    for (const std::string& problem : mine_) {
        const TuningEntry& entry = entries_.at(problem);
        Json times = Json::object(), errors = Json::object();
        for (const auto& [name, time] : entry.microseconds) times[name] = time;
        for (const auto& [name, multiple] : entry.errors) errors[name] = multiple;
        machine[problem] = {{"choice", entry.choice},
                            {"doubtful", entry.doubtful},
                            {"measurements", entry.measurements},
                            {"us", times},
                            {"error", errors}};
    }
    if (!write_file_atomically(path_, json.dump(1) + "\n", diagnostics)) return false;
    unsaved_ = 0;
    return true;
}

}  // namespace gmc::runtime
