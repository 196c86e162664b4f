// Finds out how many processors there are for this process.
#include "runtime/threads/thread_count.h"

#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#include "compiler/support/check.h"
#include "runtime/threads/control_groups.h"

namespace gmc::runtime {
namespace {

thread_local int own_count = 0;  ///< 0: not set

int limited(int64_t count) { return static_cast<int>(std::clamp<int64_t>(count, 1, kMostThreads)); }

/// Which processors the affinity mask has; none where there are more than a set holds.
cpu_set_t affinity() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) CPU_ZERO(&set);
    return set;
}

int processors() {
    const cpu_set_t set = affinity();
    const int count = CPU_COUNT(&set);
    return limited(count > 0 ? count : std::thread::hardware_concurrency());
}

/// What OMP_NUM_THREADS says; 0 where it says nothing.
int given_count() {
    const char* given = std::getenv("OMP_NUM_THREADS");
    const int64_t number = given == nullptr ? 0 : std::strtoll(given, nullptr, 10);
    return number > 0 ? limited(number) : 0;
}

/// Processor time per period, both in microseconds; 0 where nothing limits it.
int64_t quota_of(const ControlGroup& group, int64_t& period) {
    period = 0;
    int64_t quota = 0;
    if (group.unified) {
        std::ifstream file(group.folder + "cpu.max");
        if (!(file >> quota >> period)) return 0;  // "max 100000"
    } else {
        quota = number_in(group.folder + "cpu.cfs_quota_us", -1);
        period = number_in(group.folder + "cpu.cfs_period_us", 0);
    }
    return quota > 0 && period > 0 ? quota : 0;
}

}  // namespace

int control_group_threads(const char* root) {
    int least = kMostThreads;
    for (const ControlGroup& group : control_groups(root, "cpu")) {
        int64_t period = 0;
        const int64_t quota = quota_of(group, period);
        if (quota > 0) least = std::min(least, limited((quota + period - 1) / period));
    }
    return least;
}

int usual_thread_count() {
    static const int count =
        given_count() > 0 ? given_count() : std::min(processors(), control_group_threads(""));
    return count;
}

int usual_thread_count_beside(int processes) {
    return given_count() > 0 ? given_count() : limited(usual_thread_count() / processes);
}

std::string processors_text() {
    const cpu_set_t set = affinity();
    std::string text;
    for (int i = 0; i < CPU_SETSIZE; ++i)
        if (CPU_ISSET(i, &set)) text += std::to_string(i) + " ";
    return text;
}

int thread_count() { return own_count > 0 ? own_count : usual_thread_count(); }

void set_thread_count(int count) {
    GMC_CHECK(count >= 1 && count <= kMostThreads, "{} threads", count);
    own_count = count;
}

}  // namespace gmc::runtime
