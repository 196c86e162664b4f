// Sums over the processes that are computed while the process computes other things.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace gmc::runtime {

/// A sum over all processes, of `count` numbers in their place.
struct SumJob {
    float* numbers = nullptr;
    int64_t count = 0;
    bool rounded = false;  ///< they are bf16 numbers, and so is each sum of two
    /// Of all processes: a power of two, or one of each. Where the number of processes is no power
    /// of two, a process has the numbers of several nodes of the tree (shard_nodes), each `stride`
    /// behind the one before; the sums take the place of the first, and the others are lost.
    int64_t shards = 0;
    int64_t stride = 0;
    /// Each process needs the sums of its own range (range_of) only; the other numbers are lost.
    bool scattered = false;
};

/// How long sums took, in nanoseconds, and how long the process waited for them: the rest was
/// hidden behind computation.
struct SumTime {
    int64_t bytes = 0;  ///< of the numbers
    int64_t busy_ns = 0, waited_ns = 0;
};

/// A thread that computes sums in the order in which they were asked for. It is started with the
/// first of them.
class BackgroundSums {
  public:
    using Compute = std::function<void(const SumJob&)>;
    /// `compute` is called on the thread, with the floating-point mode of who asked.
    explicit BackgroundSums(Compute compute) : compute_(std::move(compute)) {}
    BackgroundSums(const BackgroundSums&) = delete;
    BackgroundSums& operator=(const BackgroundSums&) = delete;
    ~BackgroundSums();

    void start(const SumJob& job);
    /// Waits until the sums that begin among these numbers are there.
    void finish(const float* numbers, int64_t count);
    void finish_all();
    /// Whether a sum is computed while the process computes other things.
    bool is_hidden() const { return begun_ && !waited_for_; }

    /// Since the last call. All sums have to be finished.
    SumTime take_time();

  private:
    using IsAwaited = std::function<bool(const SumJob&)>;
    void work(unsigned float_mode);
    void wait_for(const IsAwaited& is_awaited);

    Compute compute_;
    std::thread thread_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<SumJob> jobs_;  ///< the first one is being computed
    bool ends_ = false;
    std::atomic<bool> begun_ = false;  ///< there are jobs
    std::atomic<bool> waited_for_ = false;
    SumTime time_;
};

}  // namespace gmc::runtime
