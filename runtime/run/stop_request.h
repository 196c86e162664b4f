// Tells the training loop that a signal asked it to stop.
#pragma once

#include <atomic>
#include <cstdint>

namespace gmc::runtime {

/// Has lock-free atomics only, since a signal handler may not touch anything else.
struct StopRequest {
    /// The first signal that asked training to stop; 0: none did.
    std::atomic<int> signal{0};
    /// Number of saves in progress, during which the process must not end.
    std::atomic<int> saves{0};
    /// Whether signals are answered with a line: in a group only process 0 does.
    std::atomic<bool> speaks{true};
    /// Whether training takes steps, and so ends after one, with a checkpoint.
    std::atomic<bool> takes_steps{false};
    /// The step of the checkpoint that is left when the process ends at once, or one of these.
    std::atomic<int64_t> checkpoint{kNotKnown};
    static constexpr int64_t kNotKnown = -1, kNone = -2;
    bool asked() const { return signal != 0; }
};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free &&
              std::atomic<int64_t>::is_always_lock_free);

/// Training takes steps as long as this lives. `stop` may be null.
class TakingSteps {
  public:
    explicit TakingSteps(StopRequest* stop) : stop_(stop) {
        if (stop_ != nullptr) stop_->takes_steps = true;
    }
    ~TakingSteps() {
        if (stop_ != nullptr) stop_->takes_steps = false;
    }
    TakingSteps(const TakingSteps&) = delete;
    TakingSteps& operator=(const TakingSteps&) = delete;

  private:
    StopRequest* stop_;
};

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
