// Groups whose processes are threads of a test.
#pragma once

#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/processes/process_group.h"

namespace gmc::runtime {

/// Where messages lie until they are received, by sender and receiver.
struct Mailbox {
    std::mutex mutex;
    std::condition_variable changed;
    std::map<std::pair<int, int>, std::deque<std::vector<char>>> messages;
};

/// Hears of each message: sender, receiver, bytes.
using MessageCounter = std::function<void(int, int, size_t)>;

class ThreadTransport final : public Transport {
  public:
    ThreadTransport(Mailbox& box, int rank, int size, MessageCounter counter)
        : box_(box), rank_(rank), size_(size), counter_(std::move(counter)) {}
    int rank() const override { return rank_; }
    int size() const override { return size_; }
    std::string exchange(int to, const void* out, size_t out_bytes, int from, void* in,
                         size_t in_bytes) override {
        if (counter_ && out_bytes > 0) counter_(rank_, to, out_bytes);
        std::unique_lock lock(box_.mutex);
        const char* bytes = static_cast<const char*>(out);
        if (out_bytes > 0) box_.messages[{rank_, to}].emplace_back(bytes, bytes + out_bytes);
        box_.changed.notify_all();
        if (in_bytes == 0) return "";
        auto& mine = box_.messages[{from, rank_}];
        box_.changed.wait(lock, [&] { return !mine.empty(); });
        std::copy(mine.front().begin(), mine.front().end(), static_cast<char*>(in));
        if (mine.front().size() != in_bytes) std::abort();  // as MPI would
        mine.pop_front();
        return "";
    }
    [[noreturn]] void end_all(int code) override { std::_Exit(code); }
    void finish() override {}

  private:
    Mailbox& box_;
    int rank_, size_;
    MessageCounter counter_;
};

/// Runs `work` in so many threads at once, each a process of one group.
inline void in_group(int size, const std::function<void(ProcessGroup&)>& work,
                     const MessageCounter& counter = nullptr) {
    Mailbox box;
    std::vector<std::thread> threads;
    for (int rank = 0; rank < size; ++rank)
        threads.emplace_back([&, rank] {
            ProcessGroup group(std::make_unique<ThreadTransport>(box, rank, size, counter));
            work(group);
        });
    for (std::thread& thread : threads) thread.join();
}

}  // namespace gmc::runtime
