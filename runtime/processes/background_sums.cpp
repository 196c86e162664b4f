// One lock guards the queue; it is not held while a sum is computed.
#include "runtime/processes/background_sums.h"

#include <algorithm>
#include <chrono>

#include "runtime/threads/float_mode.h"

namespace gmc::runtime {
namespace {

using Clock = std::chrono::steady_clock;

int64_t ns_since(Clock::time_point begin) {
    return std::chrono::nanoseconds(Clock::now() - begin).count();
}

}  // namespace

BackgroundSums::~BackgroundSums() {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        ends_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void BackgroundSums::start(const SumJob& job) {
    {
        const std::lock_guard lock(mutex_);
        jobs_.push_back(job);
        begun_ = true;
    }
    if (!thread_.joinable()) thread_ = std::thread([this, mode = float_mode()] { work(mode); });
    changed_.notify_all();
}

bool BackgroundSums::is_there(const float* numbers) const {
    return numbers == nullptr ? jobs_.empty()
                              : std::none_of(jobs_.begin(), jobs_.end(), [&](const SumJob& job) {
                                    return job.numbers == numbers;
                                });
}

void BackgroundSums::finish(const float* numbers) {
    std::unique_lock lock(mutex_);
    if (is_there(numbers)) return;
    const Clock::time_point begin = Clock::now();
    waited_for_ = true;
    changed_.wait(lock, [&] { return is_there(numbers); });
    waited_for_ = false;
    time_.waited_ns += ns_since(begin);
}

SumTime BackgroundSums::take_time() {
    const std::lock_guard lock(mutex_);
    return std::exchange(time_, {});
}

void BackgroundSums::work(unsigned float_mode) {
    set_float_mode(float_mode);
    std::unique_lock lock(mutex_);
    while (true) {
        changed_.wait(lock, [&] { return ends_ || !jobs_.empty(); });
        if (jobs_.empty()) return;
        const SumJob job = jobs_.front();
        lock.unlock();
        const Clock::time_point begin = Clock::now();
        compute_(job);
        const int64_t took = ns_since(begin);
        lock.lock();
        jobs_.pop_front();
        begun_ = !jobs_.empty();
        time_.busy_ns += took;
        time_.bytes += job.count * static_cast<int64_t>(sizeof(float));
        changed_.notify_all();
    }
}

}  // namespace gmc::runtime
