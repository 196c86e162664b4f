// Holds signals back while machine code runs that no handler may interrupt.
#pragma once

#include <csignal>

namespace gmc::runtime {

/// While it lives, signals wait that were sent to this thread, but for those of its own errors
/// (SIGSEGV, ...). Where oneDNN multiplies matrices over long sums, its code lets the stack pointer
/// point into memory from malloc: a signal handler, whose frame the system puts below that, would
/// write over what lies before it. Workers of the team take no signals at all. (A handler with a
/// stack of its own, sigaltstack, may run at any time.)
class SignalsWait {
  public:
    SignalsWait();
    ~SignalsWait();
    SignalsWait(const SignalsWait&) = delete;
    SignalsWait& operator=(const SignalsWait&) = delete;

  private:
    sigset_t before_;
};

}  // namespace gmc::runtime
