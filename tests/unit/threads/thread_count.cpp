// How many threads there are for a process: what its control groups grant, rounded up.
#include "runtime/threads/thread_count.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/catch.h"
#include "tests/unit/data_temp_folder.h"

using namespace gmc::runtime;  // NOLINT: tests

namespace {

/// /proc and /sys of another machine.
class Machine {
  public:
    explicit Machine(const std::string& groups) { write("proc/self/cgroup", groups); }
    void write(const std::string& path, const std::string& text) {
        const std::filesystem::path file = folder_.path(path);
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file) << text;
    }
    int threads() const { return control_group_threads(folder_.path(".").c_str()); }

  private:
    TempFolder folder_;
};

}  // namespace

TEST_CASE("control groups of version 2 limit the threads, whichever of them is the tightest") {
    Machine machine("0::/system.slice/job\n");
    CHECK(machine.threads() == kMostThreads);
    machine.write("sys/fs/cgroup/system.slice/job/cpu.max", "max 100000\n");
    CHECK(machine.threads() == kMostThreads);
    machine.write("sys/fs/cgroup/system.slice/job/cpu.max", "250000 100000\n");
    CHECK(machine.threads() == 3);
    machine.write("sys/fs/cgroup/system.slice/cpu.max", "50000 100000\n");
    CHECK(machine.threads() == 1);
    machine.write("sys/fs/cgroup/system.slice/cpu.max", "400000 100000\n");
    CHECK(machine.threads() == 3);
}

TEST_CASE("control groups of version 1 limit the threads") {
    Machine machine("7:memory:/a\n4:cpu,cpuacct:/docker/0123\n0::/\n");
    CHECK(machine.threads() == kMostThreads);
    // In a container without a namespace for groups, the root is its own group.
    machine.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    machine.write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    CHECK(machine.threads() == kMostThreads);
    machine.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "150000\n");
    CHECK(machine.threads() == 2);
    machine.write("sys/fs/cgroup/cpu/docker/0123/cpu.cfs_quota_us", "100000\n");
    machine.write("sys/fs/cgroup/cpu/docker/0123/cpu.cfs_period_us", "100000\n");
    CHECK(machine.threads() == 1);
}

TEST_CASE("files of limits that say nothing sensible are no limit") {
    Machine machine("0::/a\nnonsense\n::\n");
    machine.write("sys/fs/cgroup/a/cpu.max", "lots of it\n");
    CHECK(machine.threads() == kMostThreads);
    machine.write("sys/fs/cgroup/a/cpu.max", "100000 0\n");
    CHECK(machine.threads() == kMostThreads);
    machine.write("sys/fs/cgroup/a/cpu.max", "99999999999999 1\n");
    CHECK(machine.threads() == kMostThreads);
}

TEST_CASE("processes that share processors divide them, but for OMP_NUM_THREADS") {
    const bool given = std::getenv("OMP_NUM_THREADS") != nullptr;
    CHECK(usual_thread_count_beside(1) == usual_thread_count());
    CHECK(usual_thread_count_beside(100000) == (given ? usual_thread_count() : 1));
    CHECK_FALSE(processors_text().empty());
}

TEST_CASE("a thread's number of threads is its own") {
    const int before = thread_count();
    set_thread_count(before + 3);
    CHECK(thread_count() == before + 3);
    int other = 0;
    std::thread([&] { other = thread_count(); }).join();
    CHECK(other == usual_thread_count());
    set_thread_count(before);
}
