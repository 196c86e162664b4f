// For tests of limits: a process that has one.
#pragma once

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/catch.h"

namespace gmc {

/// The result of `body`, a function without arguments that returns bool, in a child process whose
/// `resource` (RLIMIT_AS, RLIMIT_DATA, ...) is limited to `bytes`; false if the child ends in
/// another way. Where the system takes no such limit, as in QEMU's user mode, it warns that nothing
/// was tested and returns true.
template <class Body>
bool in_limited_child(int resource, rlim_t bytes, Body body) {
    constexpr int kYes = 0, kNo = 1, kNoLimit = 2;
    const pid_t child = fork();
    if (child == 0) {
        const rlimit wanted{bytes, bytes};
        rlimit taken{};
        setrlimit(resource, &wanted);
        getrlimit(resource, &taken);
        _exit(taken.rlim_cur != bytes ? kNoLimit : body() ? kYes : kNo);
    }
    int status = -1;
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == kNoLimit) {
        WARN("not tested: this system takes no limits of memory");
        return true;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == kYes;
}

}  // namespace gmc
