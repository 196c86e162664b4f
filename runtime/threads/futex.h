// Sleeping until another thread changes a word (futex(2) of Linux). std::atomic::wait would do, but
// yields the processor several times before it sleeps, and wakes one thread or all.
#pragma once

#include <atomic>
#include <climits>
#include <cstdint>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace gmc::runtime {

/// Sleeps until wake() is called for `word`, unless it has another value than `value`. May also
/// return without a reason.
inline void sleep_while(std::atomic<uint32_t>& word, uint32_t value) {
    syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}

/// Wakes at most `threads` threads that sleep on `word`.
inline void wake(std::atomic<uint32_t>& word, int threads) {
    syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, threads, nullptr, nullptr, 0);
}

}  // namespace gmc::runtime
