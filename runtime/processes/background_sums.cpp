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

void BackgroundSums::finish(const float* numbers, int64_t count) {
    wait_for(
        [&](const SumJob& job) { return job.numbers >= numbers && job.numbers < numbers + count; });
}

void BackgroundSums::finish_all() {
    wait_for([](const SumJob&) { return true; });
}

void BackgroundSums::wait_for(const IsAwaited& is_awaited) {
    std::unique_lock lock(mutex_);
    const auto are_there = [&] { return std::none_of(jobs_.begin(), jobs_.end(), is_awaited); };
    if (are_there()) return;
    const Clock::time_point begin = Clock::now();
    waited_for_ = true;
    changed_.wait(lock, are_there);
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
