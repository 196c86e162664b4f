// The wish that training ends, from a signal handler.
#pragma once

#include <atomic>

namespace gmc::runtime {

/// Only lock-free atomics, which a signal handler may touch.
struct StopRequest {
    std::atomic<int> signal{0};  ///< the first signal that asked for it; 0 = none did
    std::atomic<int> saves{0};   ///< saves under way: the process must not end within one
    bool asked() const { return signal != 0; }
};
static_assert(std::atomic<int>::is_always_lock_free);

/// A save is under way as long as this lives.
class Saving {
  public:
    explicit Saving(StopRequest* stop) : stop_(stop) {
        if (stop_ != nullptr) ++stop_->saves;
    }
    ~Saving() {
        if (stop_ != nullptr) --stop_->saves;
    }
    Saving(const Saving&) = delete;
    Saving& operator=(const Saving&) = delete;

  private:
    StopRequest* stop_;
};

}  // namespace gmc::runtime
