// Saves the caller's floating-point mode and OpenMP settings, sets ours, and puts theirs back.
#include "runtime/library/host_settings.h"

#include <omp.h>
#include <unistd.h>

#include <mutex>
#include <thread>
#include <vector>

#include "runtime/kernels/denormals.h"

namespace gmc::runtime {

namespace {

/// The process in which this thread has computed; 0: it has not computed yet.
thread_local pid_t computed_in = 0;

/// For how many threads this thread has a team.
thread_local int made_for = 0;

/// Makes as many threads as OpenMP will, which ends the process where it cannot make one. All of
/// them live at once: they wait for the lock, which is given back before they are joined.
void try_threads(int count) {
    std::mutex making;
    std::vector<std::jthread> threads;
    threads.reserve(static_cast<size_t>(count));
    const std::lock_guard hold(making);
    while (static_cast<int>(threads.size()) < count)
        threads.emplace_back([&making] { const std::lock_guard wait(making); });
}

}  // namespace

HostSettings::HostSettings(int threads)
    : threads_(omp_get_max_threads()), dynamic_(omp_get_dynamic()), float_mode_(float_mode()) {
    if (made_for < threads) try_threads(threads - 1);
    computed_in = getpid();
    omp_set_dynamic(0);
    omp_set_num_threads(threads);
    // OpenMP keeps a team for each thread that calls: its members keep the setting from call to
    // call, and those that it creates later inherit it.
    if (made_for < threads) {
        flush_denormals_in_all_threads();
        made_for = threads;
    } else {
        flush_denormals();
    }
}

HostSettings::~HostSettings() {
    set_float_mode(float_mode_);
    omp_set_num_threads(threads_);
    omp_set_dynamic(dynamic_);
}

int usual_threads() { return omp_get_max_threads(); }
bool is_in_team() { return omp_in_parallel() != 0; }
bool has_lost_team() { return computed_in != 0 && computed_in != getpid(); }

}  // namespace gmc::runtime
