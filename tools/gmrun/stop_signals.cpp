// The signal handler. It only touches lock-free atomics, writes lines with write(), and may end the
// process.
#include "tools/gmrun/stop_signals.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gmc::tools {
namespace {

/// Half a second in nanoseconds: a second signal within it is taken for the same wish (see
/// stop_signals.h).
constexpr int64_t kSameWishNs = 500'000'000;

runtime::StopRequest stop;
std::atomic<int64_t> first_ns{0};
bool is_on_terminal = false;  ///< the standard error, since listen_for_stop()
static_assert(std::atomic<int64_t>::is_always_lock_free);

int64_t now_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

/// A line for the standard error, put together without taking memory. What does not fit is left
/// out.
class Line {
  public:
    Line& add(std::string_view text) {
        for (const char c : text)
            if (size_ < sizeof text_) text_[size_++] = c;
        return *this;
    }
    Line& add(int64_t number) {
        char digits[20];
        size_t at = sizeof digits;
        do digits[--at] = static_cast<char>('0' + number % 10);
        while ((number /= 10) > 0);
        return add({digits + at, sizeof digits - at});
    }
    /// Does not wait for a reader that does not read.
    void print() const {
        pollfd out{STDERR_FILENO, POLLOUT, 0};
        if (poll(&out, 1, 0) == 1 && (out.revents & POLLOUT) != 0)
            (void)!write(STDERR_FILENO, text_, size_);
    }

  private:
    char text_[256];
    size_t size_ = 0;
};

void tell(int signal, std::string_view what, int64_t step = -1) {
    if (!stop.speaks) return;
    Line line;
    if (is_on_terminal) line.add("\r\x1b[K");  // over the progress line
    const char* name = sigabbrev_np(signal);
    line.add("gmrun: SIG").add(name == nullptr ? "?" : name).add(": ").add(what);
    if (step >= 0) line.add(step);
    line.add("\n").print();
}

[[noreturn]] void end_at_once(int signal) {
    const int64_t step = stop.checkpoint;
    tell(signal,
         step >= 0 ? "ended at once; the run's checkpoint is that of step "
         : step == runtime::StopRequest::kNone ? "ended at once; there is no checkpoint yet"
                                               : "ended at once",
         step);
    _exit(exit_code_of(stop.signal));
}

/// The first signal is only noted; training looks for it between steps. A later one ends the
/// process unless a checkpoint is being written.
void take(int signal) {
    int none = 0;
    if (first_ns == 0) first_ns = now_ns();
    if (stop.signal.compare_exchange_strong(none, signal))
        return tell(signal, stop.takes_steps
                                ? "stopping after this step, with a checkpoint; a second signal "
                                  "ends at once"
                                : "stopping; a second signal ends at once");
    if (now_ns() - first_ns < kSameWishNs) return;
    if (stop.saves == 0) end_at_once(signal);
    tell(signal, "stopping as soon as the checkpoint is written");
}

void on_signal(int signal) {
    const int error = errno;
    take(signal);
    errno = error;
}

/// SA_RESTART: reading data goes on after the signal, instead of failing with EINTR. SA_ONSTACK: on
/// the stack of give_own_stack().
void listen_to(int signal) {
    struct sigaction action {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART | SA_ONSTACK;
    sigaction(signal, &action, nullptr);
}

/// Handlers in this thread get a stack of their own, because oneDNN's code may let the stack
/// pointer point into other memory (runtime/threads/signals_wait.h).
void give_own_stack() {
    alignas(64) static std::byte memory[64 << 10];
    stack_t stack{};
    stack.ss_sp = memory;
    stack.ss_size = sizeof memory;
    sigaltstack(&stack, nullptr);
}

}  // namespace

runtime::StopRequest& listen_for_stop() {
    is_on_terminal = isatty(STDERR_FILENO) != 0;
    give_own_stack();
    listen_to(SIGINT);
    listen_to(SIGTERM);
    for (const int signal : {SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU}) {
        struct sigaction before {};
        sigaction(signal, nullptr, &before);
        if (before.sa_handler != SIG_IGN) listen_to(signal);
    }
    ::signal(SIGPIPE, SIG_IGN);
    return stop;
}

}  // namespace gmc::tools
