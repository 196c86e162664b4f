// Blocks the signals of a thread, and sets back what was blocked before.
#include "runtime/threads/signals_wait.h"

namespace gmc::runtime {

SignalsWait::SignalsWait() {
    sigset_t waiting;
    sigfillset(&waiting);
    // What an instruction brings about cannot wait: the system would end the process.
    for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT})
        sigdelset(&waiting, own);
    pthread_sigmask(SIG_BLOCK, &waiting, &before_);
}

SignalsWait::~SignalsWait() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

}  // namespace gmc::runtime
