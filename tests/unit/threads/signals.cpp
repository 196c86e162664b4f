// No signal writes over what oneDNN's code has the stack pointer point to: the program's own thread
// handles it on another stack, and no other thread that computes handles any.
#include "tools/gmrun/stop_signals.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "runtime/threads/signals_wait.h"
#include "runtime/threads/team.h"
#include "tests/catch.h"

namespace gmc {
namespace {

/// What gmrun listens to, and what it does not hear when the terminal is gone.
constexpr int kHeard[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU};

/// Whether `body` is true in a process of its own, whose handlers are nobody else's, and which
/// hears all signals, also where nohup runs the tests.
template <class Body>
bool in_child(Body body) {
    const pid_t child = fork();
    if (child == 0) {
        for (const int signal : kHeard) std::signal(signal, SIG_DFL);
        _exit(body() ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST_CASE("every handler of gmrun has the stack of its own that the main thread is given") {
    CHECK(in_child([] {
        stack_t stack{};
        (void)tools::listen_for_stop();
        return sigaltstack(nullptr, &stack) == 0 && (stack.ss_flags & SS_DISABLE) == 0 &&
               stack.ss_size >= static_cast<size_t>(SIGSTKSZ);
    }));
    for (const int signal : kHeard) {
        CAPTURE(signal);
        CHECK(in_child([signal] {
            (void)tools::listen_for_stop();
            struct sigaction action {};
            sigaction(signal, nullptr, &action);
            return action.sa_handler != SIG_DFL && (action.sa_flags & SA_ONSTACK) != 0;
        }));
        CHECK(in_child([signal] {  // and the signal is written into that stack
            const runtime::StopRequest& stop = tools::listen_for_stop();
            stack_t stack{};
            sigaltstack(nullptr, &stack);
            const auto* bytes = static_cast<const unsigned char*>(stack.ss_sp);
            const std::vector<unsigned char> before(bytes, bytes + stack.ss_size);
            raise(signal);
            return stop.signal == signal && std::memcmp(bytes, before.data(), before.size()) != 0;
        }));
    }
    CHECK(in_child([] {  // those that nohup has ignored stay so
        signal(SIGHUP, SIG_IGN);
        (void)tools::listen_for_stop();
        struct sigaction action {};
        sigaction(SIGHUP, nullptr, &action);
        return action.sa_handler == SIG_IGN;
    }));
}

/// What a process says on its standard error that does this, and its exit code: 0 where it is not
/// ended by a signal.
template <class Body>
std::pair<std::string, int> told(Body body) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        body(tools::listen_for_stop());
        _exit(0);
    }
    close(ends[1]);
    std::string text;
    char part[256];
    for (ssize_t count; (count = read(ends[0], part, sizeof part)) > 0;)
        text.append(part, static_cast<size_t>(count));
    close(ends[0]);
    int status = -1;
    waitpid(child, &status, 0);
    return {text, WEXITSTATUS(status)};
}

/// Longer than two signals may be apart that are one wish.
void raise_again(int signal) {
    usleep(600'000);
    raise(signal);
}

TEST_CASE("signals are answered at once, by one process, with what becomes of the run") {
#ifdef __SANITIZE_THREAD__
    return;  // it holds signals back
#endif
    const std::string soon = "gmrun: SIGTERM: stopping; a second signal ends at once\n";
    const std::string after =
        "gmrun: SIGTERM: stopping after this step, with a checkpoint; a second signal ends at "
        "once\n";
    const auto twice = [](int64_t checkpoint) {
        return told([=](runtime::StopRequest& stop) {
            const runtime::TakingSteps steps(&stop);
            stop.checkpoint = checkpoint;
            raise(SIGTERM);
            raise(SIGTERM);  // the same wish
            raise_again(SIGINT);
        });
    };
    using Stop = runtime::StopRequest;
    CHECK(told([](Stop&) { raise(SIGTERM); }) == std::pair(soon, 0));
    CHECK(twice(Stop::kNotKnown) == std::pair(after + "gmrun: SIGINT: ended at once\n", 143));
    CHECK(twice(Stop::kNone) ==
          std::pair(after + "gmrun: SIGINT: ended at once; there is no checkpoint yet\n", 143));
    for (const int64_t step : {int64_t{0}, int64_t{1'234'567'890'123}})
        CHECK(twice(step) ==
              std::pair(after +
                            "gmrun: SIGINT: ended at once; the run's checkpoint is that of step " +
                            std::to_string(step) + "\n",
                        143));
    CHECK(told([](Stop& stop) {
              const runtime::Saving saving(&stop);
              raise(SIGTERM);
              raise_again(SIGTERM);
          }) ==
          std::pair(soon + "gmrun: SIGTERM: stopping as soon as the checkpoint is written\n", 0));
    CHECK(told([](Stop& stop) {
              stop.speaks = false;
              raise(SIGTERM);
              raise_again(SIGTERM);
          }) == std::pair(std::string(), 143));
}

TEST_CASE("a signal is not held up by a standard error that nobody reads") {
    CHECK(in_child([] {
        int ends[2];
        if (pipe(ends) != 0 || fcntl(ends[1], F_SETFL, O_NONBLOCK) != 0) return false;
        const std::string full(1 << 20, '.');
        while (write(ends[1], full.data(), full.size()) > 0) {
        }
        fcntl(ends[1], F_SETFL, 0);
        dup2(ends[1], STDERR_FILENO);
        const runtime::StopRequest& stop = tools::listen_for_stop();
        alarm(60);
        raise(SIGTERM);
        return stop.signal == SIGTERM;
    }));
}

/// The signals of kHeard that this thread takes.
int heard_here() {
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    return static_cast<int>(std::count_if(std::begin(kHeard), std::end(kHeard), [&](int signal) {
        return sigismember(&blocked, signal) == 0;
    }));
}

TEST_CASE("workers of the team take no signal, and where signals wait the thread takes none") {
    const int all = heard_here();
    REQUIRE(all == static_cast<int>(std::size(kHeard)));
    {
        const runtime::SignalsWait wait;
        CHECK(heard_here() == 0);
    }
    CHECK(heard_here() == all);
    std::atomic<int> others = 0, hearing = 0;
    for (int again = 0; again < 1000 && others == 0; ++again)
        runtime::run_units(300, 3, [&, here = pthread_self()](int64_t, int) {
            if (pthread_equal(pthread_self(), here)) {
                usleep(10);  // leaves some for the others
                return;
            }
            ++others;
            hearing += heard_here();
        });
    CHECK(others > 0);
    CHECK(hearing == 0);
    CHECK(heard_here() == all);
}

}  // namespace
}  // namespace gmc
