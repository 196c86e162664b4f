// Finds out how much memory this process can get. Linux tells its limits in files: /proc/meminfo,
// those of the control groups below /sys/fs/cgroup, and getrlimit. What cannot be read counts as no
// limit, so that gmc runs where these files are missing (in some containers).
#include "runtime/memory/memory_need.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>

#include "compiler/ir/views.h"
#include "runtime/threads/control_groups.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {
namespace {

constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();
/// For libraries and scratch memory, which the limits of a process count, too.
constexpr int64_t kReserve = int64_t{112} << 20;
/// A thread's stack where its size has no limit; a limit beyond kLargestStack is none.
constexpr int64_t kUsualStack = int64_t{8} << 20;
constexpr rlim_t kLargestStack = rlim_t{1} << 30;

/// A line of /proc/meminfo in bytes, e.g. "MemAvailable:".
int64_t meminfo(const std::string& root, const std::string& key) {
    std::ifstream file(root + "/proc/meminfo");
    std::string line;
    while (std::getline(file, line)) {
        std::istringstream words(line);
        std::string name;
        int64_t kibibytes = 0;
        if (words >> name >> kibibytes && name == key) return kibibytes * 1024;
    }
    return kNoLimit;
}

/// One limit of a control group, what counts against it, and where it says how much of that is
/// cached files, which make way when memory is asked for.
/// Paths of files.
struct GroupFiles {
    std::string limit, usage, details, cache;
};

/// The number behind a word in a file of such pairs.
int64_t number_of(const std::string& path, const std::string& word) {
    std::ifstream file(path);
    std::string name;
    int64_t value = 0;
    while (file >> name >> value)
        if (name == word) return value;
    return 0;
}

/// The files of every control group that this process is in.
std::vector<GroupFiles> group_files(const std::string& root) {
    std::vector<GroupFiles> files;
    for (const ControlGroup& group : control_groups(root, "memory")) {
        const std::string begin = group.folder + "memory.";
        if (group.unified)
            files.push_back({begin + "max", begin + "current", begin + "stat", "inactive_file"});
        else
            files.push_back({begin + "limit_in_bytes", begin + "usage_in_bytes", begin + "stat",
                             "total_inactive_file"});
    }
    return files;
}

/// What control groups allow: in all, or beyond what they use now.
int64_t group_limit(const std::string& root, bool left) {
    int64_t least = kNoLimit;
    for (const GroupFiles& files : group_files(root)) {
        const int64_t limit = number_in(files.limit, kNoLimit);
        if (limit == kNoLimit) continue;
        const int64_t used =
            left ? number_in(files.usage, 0) - number_of(files.details, files.cache) : 0;
        least = std::min(least, std::max<int64_t>(limit - used, 0));
    }
    return least;
}

/// The numbers of /proc/self/statm that count for `ulimit -v` and `ulimit -d`.
enum StatmNumber { kAddressSpace = 0, kWritableMemory = 5 };

/// For the stacks of the threads that compute.
int64_t stacks() {
    rlimit limit{};
    const bool limited = getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur <= kLargestStack;
    return thread_count() * (limited ? static_cast<int64_t>(limit.rlim_cur) : kUsualStack);
}

/// What a limit of this process leaves beyond what counts for it now.
template <typename Resource>
int64_t left_of(Resource resource, StatmNumber counted) {
    rlimit limit{};
    if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kNoLimit;
    std::ifstream statm("/proc/self/statm");
    int64_t pages = 0;
    for (int i = 0; i <= counted; ++i) statm >> pages;
    const int64_t used = pages * sysconf(_SC_PAGESIZE);
    const auto most =
        static_cast<int64_t>(std::min<rlim_t>(limit.rlim_cur, static_cast<rlim_t>(kNoLimit)));
    return std::max<int64_t>(most - used - kReserve - stacks(), 0);
}

/// Keeps the smaller of two limits, with its reason.
void lower(MemoryLimit& limit, int64_t bytes, const char* reason) {
    if (bytes >= limit.bytes) return;
    limit = {bytes, fmt::format(fmt::runtime(reason), memory_text(bytes))};
}

}  // namespace

MemoryNeed memory_need(const ir::Module& module) {
    MemoryNeed need;
    need.states = ir::state_offset(module, static_cast<ir::StateId>(module.states.size()));
    for (const ir::Function& function : module.functions)
        need.arena = std::max(need.arena, function.arena_bytes);
    return need;
}

MemoryLimit memory_limit(const std::string& root) {
    MemoryLimit limit{kNoLimit, ""};
    lower(limit, meminfo(root, "MemAvailable:"), "this machine has {} of memory left");
    lower(limit, group_limit(root, true), "this process's control group has {} of memory left");
    lower(limit, left_of(RLIMIT_AS, kAddressSpace), "`ulimit -v` leaves {}");
    lower(limit, left_of(RLIMIT_DATA, kWritableMemory), "`ulimit -d` leaves {}");
    return limit;
}

uint64_t memory_for_data() { return static_cast<uint64_t>(memory_limit().bytes / 4); }

MemoryLimit memory_of_machine(const std::string& root) {
    MemoryLimit limit{kNoLimit, ""};
    lower(limit, meminfo(root, "MemTotal:"), "this machine has {} of memory");
    lower(limit, group_limit(root, false), "this process's control group may use {} of memory");
    return limit;
}

std::string why_too_large(const MemoryNeed& need, const MemoryLimit& limit) {
    if (need.total() <= limit.bytes) return "";
    return fmt::format("states take {} and values {}, but {}", memory_text(need.states),
                       memory_text(need.arena), limit.reason);
}

std::string memory_text(int64_t bytes) {
    static constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB"};
    if (bytes < 1024) return fmt::format("{} B", bytes);
    double number = static_cast<double>(bytes) / 1024;
    size_t unit = 0;
    while (number >= 1024 && unit + 1 < std::size(kUnits)) {
        number /= 1024;
        ++unit;
    }
    return fmt::format("{:.1f} {}", number, kUnits[unit]);
}

}  // namespace gmc::runtime
