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

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/threads/float_mode.h"
#include "runtime/threads/futex.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {
namespace {

using Clock = std::chrono::steady_clock;

/// Memory that one thread writes and another one reads moves in lines of this size; two of them,
/// because processors fetch pairs.
constexpr size_t kLine = 128;
/// A worker waits awake for the next call this long, which is longer than what a step does between
/// two calls: beside other programs, a thread that slept runs up to a time slice after it is woken.
/// With 50 us steps beside niced programs take 6 % longer, with 600 us steps beside a busy one do.
constexpr std::chrono::microseconds kWorkerAwake{200};
/// The caller waits awake for the last units this long, and for some of a unit more.
constexpr std::chrono::microseconds kCallerAwake{50};
/// A worker that was kept off the caller's processor may run there again after this time.
constexpr std::chrono::seconds kKeptOff{1};
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

/// A thread of the team, and where it may run. All but the atomic members are its own.
struct alignas(kLine) Worker {
    std::atomic<pid_t> thread{0};
    std::atomic<bool> has_units{false};
    /// The processor to which the caller has bound it; -1: none.
    std::atomic<int> bound_to{-1};
    cpu_set_t processors;
    /// The processor that it is kept off; -1: none. The caller changes it where it moved.
    std::atomic<int> kept_off{-1};
    Clock::time_point kept_off_since;
};

class Team {
  public:
    void run(int64_t units, int workers, UnitBody body);
    std::mutex& busy() { return busy_; }

  private:
    void start_workers(int workers);
    void work(int worker);
    bool has_work(int worker) const;
    int64_t run_lane(int lane, int worker);
    int64_t run_lanes(int worker);
    void wait_for_others(Clock::duration unit);
    bool give_processor_to_workers();
    void leave_processor_of_caller(Worker& worker);
    void follow_caller();

    Lane lanes_[kMostThreads];
    Worker workers_[kMostThreads];
    /// How many workers are kept off a processor.
    std::atomic<int> kept_off_{0};
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
    if (kept_off_.load(std::memory_order_relaxed) > 0) follow_caller();
    unfinished_.store(static_cast<uint32_t>(units), std::memory_order_relaxed);
    for (int i = 0; i < workers; ++i) lanes_[i].body = body, lanes_[i].float_mode = float_mode();
    for (int i = workers; i-- > 0;)
        lanes_[i].left.store(Left::of(units * i / workers, units * (i + 1) / workers, workers).word,
                             std::memory_order_release);
    calls_.fetch_add(1);
    if (sleepers_.load() > 0) wake(calls_, workers - 1);
    in_unit = true;
    const Clock::time_point begin = Clock::now();
    const int64_t count = run_lanes(0);
    in_unit = false;
    wait_for_others((Clock::now() - begin) / std::max(count, int64_t{1}));
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

bool Team::has_work(int worker) const {
    return !Left{lanes_[worker].left.load(std::memory_order_relaxed)}.empty() ||
           workers_[worker].bound_to.load(std::memory_order_relaxed) >= 0;
}

/// A worker looks at its own lane only: in each call that has units for it, that has some at first.
void Team::work(int number) {
    Worker& worker = workers_[number];
    in_unit = true;
    sched_getaffinity(0, sizeof worker.processors, &worker.processors);
    worker.thread = static_cast<pid_t>(syscall(SYS_gettid));
    while (true) {
        worker.has_units.store(true);
        run_lanes(number);
        worker.has_units.store(false);
        leave_processor_of_caller(worker);
        if (wait_awake(kWorkerAwake, [&] { return has_work(number); })) continue;
        const uint32_t calls = calls_.load();
        sleepers_.fetch_add(1);
        // Either this sees the units of a call, or the caller sees the sleeper.
        if (!has_work(number)) sleep_while(calls_, calls);
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
        const Left rest =
            own ? Left::of(begin + 1, end, now.workers()) : Left::of(begin, end - 1, now.workers());
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

/// Runs units of its own lane, then of the others, and says that these have ended. Returns how
/// many.
int64_t Team::run_lanes(int worker) {
    const int lanes = Left{lanes_[worker].left.load(std::memory_order_relaxed)}.workers();
    int64_t count = 0;
    for (int i = 0; i < lanes; ++i) count += run_lane((worker + i) % lanes, worker);
    if (count == 0) return 0;
    const auto ended = static_cast<uint32_t>(count);
    if (unfinished_.fetch_sub(ended) == ended && caller_sleeps_.load()) wake(unfinished_, 1);
    return count;
}

/// `unit`: how long one takes. Who has not ended after more than that is not running.
void Team::wait_for_others(Clock::duration unit) {
    const auto all_ended = [&] { return unfinished_.load(std::memory_order_acquire) == 0; };
    if (all_ended() || wait_awake(kCallerAwake + unit * 5 / 4, all_ended)) return;
    cpu_set_t allowed;
    const bool knows_allowed = sched_getaffinity(0, sizeof allowed, &allowed) == 0;
    const bool gave = knows_allowed && give_processor_to_workers();
    caller_sleeps_.store(true);
    while (const uint32_t now = unfinished_.load()) sleep_while(unfinished_, now);
    caller_sleeps_.store(false);
    if (gave) sched_setaffinity(0, sizeof allowed, &allowed);
}

/// Another program has the processor of a worker that holds units, for a whole time slice (some
/// milliseconds). The caller will sleep, but the system does not give its processor to the worker:
/// to move a thread that ran a moment ago seems too dear to it. So the worker is bound to that
/// processor, ends its units there, and then leaves it to the caller. With one busy program on two
/// processors, steps of many short calls take 1.4 instead of 2.3 times as long as alone; 1.33 is
/// what the processors allow.
///
/// The caller is bound to it, too, until it wakes: else the system might wake it where the other
/// program is. False where nothing can be bound.
bool Team::give_processor_to_workers() {
    const int processor = sched_getcpu();
    if (processor < 0 || processor >= CPU_SETSIZE) return false;
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(processor, &only);
    for (int i = 1; i < started_; ++i)
        if (workers_[i].has_units.load() &&
            sched_setaffinity(workers_[i].thread, sizeof only, &only) == 0)
            workers_[i].bound_to.store(processor);
    return sched_setaffinity(0, sizeof only, &only) == 0;
}

/// Lets a thread run where it may, but for one processor, unless it has no other.
void keep_off(pid_t thread, cpu_set_t allowed, int processor) {
    const cpu_set_t all = allowed;
    CPU_CLR(processor, &allowed);
    if (CPU_COUNT(&allowed) == 0) allowed = all;
    sched_setaffinity(thread, sizeof allowed, &allowed);
}

/// After the units for which it was bound to the caller's processor, a worker is kept off it for
/// some time. The system would let it wake there, where it last ran, and the two would take turns.
void Team::leave_processor_of_caller(Worker& worker) {
    const int processor = worker.bound_to.load(std::memory_order_relaxed);
    const bool kept_off = worker.kept_off.load(std::memory_order_relaxed) >= 0;
    if (processor < 0 && !kept_off) return;
    const Clock::time_point now = Clock::now();
    if (processor >= 0) {
        worker.bound_to.store(-1);
        worker.kept_off_since = now;
        if (!kept_off) kept_off_.fetch_add(1);
        worker.kept_off.store(processor);
        keep_off(0, worker.processors, processor);
    } else if (now - worker.kept_off_since > kKeptOff) {
        worker.kept_off.store(-1);
        kept_off_.fetch_sub(1);
        sched_setaffinity(0, sizeof worker.processors, &worker.processors);
    }
}

/// The system may have moved the caller to a processor of the workers, while they are kept off the
/// one that it left.
void Team::follow_caller() {
    const int processor = sched_getcpu();
    if (processor < 0 || processor >= CPU_SETSIZE) return;
    for (int i = 1; i < started_; ++i) {
        Worker& worker = workers_[i];
        int before = worker.kept_off.load(std::memory_order_relaxed);
        if (before >= 0 && before != processor &&
            worker.kept_off.compare_exchange_strong(before, processor))
            keep_off(worker.thread, worker.processors, processor);
    }
}

/// The team of this process. It is never destroyed: at the end of the process workers may still
/// sleep in it. A process that was forked has none of the workers, and gets a team of its own.
Team& the_team() {
    static Team* team = nullptr;
    static const auto make = [] {
        in_unit = false;
        team = new Team;
    };
    static const int made = (make(), pthread_atfork(nullptr, nullptr, [] { make(); }));
    static_cast<void>(made);
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
