// How a call is divided. Each worker has a lane: the units of its part that nobody has taken, as
// one word, so that taking one is one compare-and-exchange. The owner takes from the front, others
// from the back. Who has taken a unit may read what the call is, because the caller stays until all
// units have ended; so a worker that comes late, or wakes in a later call, finds either nothing or
// a unit of the call that is under way.
#include "runtime/threads/team.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "compiler/support/check.h"
#include "runtime/threads/float_mode.h"
#include "runtime/threads/futex.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {
namespace {

using Clock = std::chrono::steady_clock;

/// Memory that one thread writes and another one reads moves in lines of this size; two of them,
/// because processors fetch pairs.
constexpr size_t kLine = 128;
/// A worker waits awake for the next call, and the caller for the last units, this long. Longer
/// than what a step does between two calls, and far shorter than a time slice of the system, which
/// is what a thread that does not run costs.
constexpr std::chrono::microseconds kAwake{50};
/// A word has so many bits for the number of units, and the rest for that of workers.
constexpr int kUnitBits = 27, kWorkerBits = 64 - 2 * kUnitBits;
static_assert((1 << kWorkerBits) >= kMostThreads);

/// Tells the processor that this thread waits, which saves power and leaves more to the other
/// thread of a core.
void pause() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

/// Waits awake until `ready`; false when that took longer than `most`.
template <typename Ready>
bool wait_awake(Clock::duration most, const Ready& ready) {
    constexpr int kPauses = 32;  // about a microsecond
    for (Clock::time_point begin = Clock::now();;) {
        for (int i = 0; i < kPauses; ++i) {
            if (ready()) return true;
            pause();
        }
        if (Clock::now() - begin > most) return false;
    }
}

/// Units [begin, end) of a call that has `workers` workers.
struct Left {
    static constexpr uint64_t kUnits = (uint64_t{1} << kUnitBits) - 1;
    uint64_t word;
    static Left of(int64_t begin, int64_t end, int workers) {
        return {static_cast<uint64_t>(workers - 1) << 2 * kUnitBits |
                static_cast<uint64_t>(begin) << kUnitBits | static_cast<uint64_t>(end)};
    }
    int64_t begin() const { return static_cast<int64_t>(word >> kUnitBits & kUnits); }
    int64_t end() const { return static_cast<int64_t>(word & kUnits); }
    int workers() const { return static_cast<int>(word >> 2 * kUnitBits) + 1; }
    bool empty() const { return begin() == end(); }
};

/// What a worker has still to do, and of which call.
struct alignas(kLine) Lane {
    std::atomic<uint64_t> left{0};
    UnitBody body{};
    unsigned float_mode = 0;
};

class Team {
  public:
    void run(int64_t units, int workers, UnitBody body);
    std::mutex& busy() { return busy_; }

  private:
    void start_workers(int workers);
    void work(int worker);
    bool has_units(int worker) const;
    int64_t run_lane(int lane, int worker);
    void run_lanes(int worker);
    void wait_for_others();

    Lane lanes_[kMostThreads];
    /// Counts calls; workers sleep on it.
    alignas(kLine) std::atomic<uint32_t> calls_{0};
    std::atomic<int> sleepers_{0};
    /// Units of the call under way that have not ended; the caller sleeps on it.
    alignas(kLine) std::atomic<uint32_t> unfinished_{0};
    std::atomic<bool> caller_sleeps_{false};
    /// Held by the caller of the call under way.
    alignas(kLine) std::mutex busy_;
    int started_ = 1;  ///< threads, the caller included
};

/// Whether this thread runs a unit, or is a worker.
thread_local bool in_unit = false;

/// `workers` above 1; the caller holds busy().
void Team::run(int64_t units, int workers, UnitBody body) {
    start_workers(workers);
    unfinished_.store(static_cast<uint32_t>(units), std::memory_order_relaxed);
    for (int i = 0; i < workers; ++i)
        lanes_[i].body = body, lanes_[i].float_mode = float_mode();
    for (int i = workers; i-- > 0;)
        lanes_[i].left.store(
            Left::of(units * i / workers, units * (i + 1) / workers, workers).word,
            std::memory_order_release);
    calls_.fetch_add(1);
    if (sleepers_.load() > 0) wake(calls_, workers - 1);
    in_unit = true;
    run_lanes(0);
    in_unit = false;
    wait_for_others();
}

/// Without memory for another thread, or where none is allowed, the team stays smaller.
void Team::start_workers(int workers) {
    if (started_ >= workers) return;
    // Signals are for the program's own threads.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
        for (; started_ < workers; ++started_)
            std::thread([this, worker = started_] { work(worker); }).detach();
    } catch (const std::system_error&) {
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

bool Team::has_units(int worker) const {
    return !Left{lanes_[worker].left.load(std::memory_order_relaxed)}.empty();
}

/// A worker looks at its own lane only: in each call that has units for it, that has some at first.
void Team::work(int worker) {
    in_unit = true;
    while (true) {
        run_lanes(worker);
        if (wait_awake(kAwake, [&] { return has_units(worker); })) continue;
        const uint32_t calls = calls_.load();
        sleepers_.fetch_add(1);
        // Either this sees the units of a call, or the caller sees the sleeper.
        if (!has_units(worker)) sleep_while(calls_, calls);
        sleepers_.fetch_sub(1);
    }
}

/// Runs units of a lane until none is left; returns how many.
int64_t Team::run_lane(int lane, int worker) {
    const bool own = lane == worker;
    int64_t count = 0;
    Lane& from = lanes_[lane];
    for (Left now{from.left.load(std::memory_order_relaxed)};
         !now.empty() && worker < now.workers();) {
        const int64_t begin = now.begin(), end = now.end();
        const Left rest = own ? Left::of(begin + 1, end, now.workers())
                              : Left::of(begin, end - 1, now.workers());
        if (!from.left.compare_exchange_weak(now.word, rest.word, std::memory_order_acquire,
                                             std::memory_order_relaxed))
            continue;
        if (worker > 0 && count == 0) set_float_mode(from.float_mode);
        from.body.run(from.body.body, own ? begin : end - 1, worker);
        ++count;
        now = rest;
    }
    return count;
}

/// Runs units of its own lane, then of the others, and says that these have ended.
void Team::run_lanes(int worker) {
    const int lanes = Left{lanes_[worker].left.load(std::memory_order_relaxed)}.workers();
    int64_t count = 0;
    for (int i = 0; i < lanes; ++i) count += run_lane((worker + i) % lanes, worker);
    if (count == 0) return;
    const auto ended = static_cast<uint32_t>(count);
    if (unfinished_.fetch_sub(ended) == ended && caller_sleeps_.load()) wake(unfinished_, 1);
}

void Team::wait_for_others() {
    const auto all_ended = [&] { return unfinished_.load(std::memory_order_acquire) == 0; };
    if (all_ended() || wait_awake(kAwake, all_ended)) return;
    caller_sleeps_.store(true);
    while (const uint32_t now = unfinished_.load()) sleep_while(unfinished_, now);
    caller_sleeps_.store(false);
}

/// Never destroyed: at the end of the process workers may still sleep in it.
Team& the_team() {
    static Team* const team = new Team;
    return *team;
}

}  // namespace

void run_unit_body(int64_t units, int workers, UnitBody body) {
    workers = static_cast<int>(std::min<int64_t>(workers, units));
    if (workers > 1 && !in_unit && units <= static_cast<int64_t>(Left::kUnits)) {
        const std::unique_lock lock(the_team().busy(), std::try_to_lock);
        if (lock.owns_lock()) return the_team().run(units, workers, body);
    }
    for (int64_t unit = 0; unit < units; ++unit) body.run(body.body, unit, 0);
}

}  // namespace gmc::runtime
