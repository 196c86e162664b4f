// Tells the training loop that a signal asked it to stop.
#pragma once

#include <atomic>

namespace gmc::runtime {

/// Has lock-free atomics only, since a signal handler may not touch anything else.
struct StopRequest {
    /// The first signal that asked training to stop; 0: none did.
    std::atomic<int> signal{0};
    /// Number of saves in progress, during which the process must not end.
    std::atomic<int> saves{0};
    bool asked() const { return signal != 0; }
};
static_assert(std::atomic<int>::is_always_lock_free);

/// A save is in progress as long as this lives.
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
