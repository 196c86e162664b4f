// The signal handler. It only touches lock-free atomics and may end the process.
#include "tools/gmrun/stop_signals.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

namespace gmc::tools {
namespace {

/// Half a second in nanoseconds: a second signal within it is taken for the same wish (see
/// stop_signals.h).
constexpr int64_t kSameWishNs = 500'000'000;

runtime::StopRequest stop;
std::atomic<int64_t> first_ns{0};
static_assert(std::atomic<int64_t>::is_always_lock_free);

int64_t now_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

/// The first signal is only noted; training looks for it between steps. A later one ends the
/// process unless a checkpoint is being written.
void on_signal(int signal) {
    int none = 0;
    if (first_ns == 0) first_ns = now_ns();
    if (stop.signal.compare_exchange_strong(none, signal)) return;
    if (now_ns() - first_ns < kSameWishNs) return;
    if (stop.saves == 0) _exit(exit_code_of(stop.signal));
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
