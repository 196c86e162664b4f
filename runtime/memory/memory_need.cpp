// Finds out how much memory this process can get. Linux tells its limits in files: /proc/meminfo,
// the files of control groups below /sys/fs/cgroup, and by getrlimit. What cannot be read counts as
// no limit, so that gmc runs where these files are missing (in some containers).
#include "runtime/memory/memory_need.h"

#include <fmt/format.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>

#include "compiler/ir/views.h"
#include "runtime/memory/address_sanitizer.h"
#include "runtime/threads/control_groups.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {
namespace {

constexpr const char* kStatus = "/proc/self/status";
constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();
/// Kept back for what is not counted: scratch memory, machine code, the loader's batches. `ulimit`
/// counts them, too.
constexpr int64_t kReserve = int64_t{64} << 20;
/// What the program itself and its libraries touch in all, which control groups count: the training
/// of a model of 512 B touches 22 MiB.
constexpr int64_t kProgram = int64_t{24} << 20;
/// The assumed size of a thread's stack where `ulimit -s` gives no limit, or one beyond
/// kLargestStack.
constexpr int64_t kUsualStack = int64_t{8} << 20;
constexpr rlim_t kLargestStack = rlim_t{1} << 30;

/// The files of a control group: its limit, its usage, and the file `details` with a line `cache`
/// that says how much of the usage is cached files. Linux drops these when memory is asked for.
struct GroupFiles {
    std::string limit, usage, details, cache;
};

/// The number behind the word that begins a line; `otherwise` where no line begins so.
int64_t number_of(const std::string& path, const std::string& word, int64_t otherwise) {
    std::ifstream file(path);
    std::string line;
    while (std::getline(file, line)) {
        std::istringstream words(line);
        std::string name;
        int64_t value = 0;
        if (words >> name >> value && name == word) return value;
    }
    return otherwise;
}

/// A line of /proc/meminfo or /proc/self/status in bytes, e.g. "MemAvailable:".
int64_t kibibytes_of(const std::string& path, const std::string& key) {
    const int64_t kibibytes = number_of(path, key, kNoLimit);
    return kibibytes == kNoLimit ? kNoLimit : kibibytes * 1024;
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

/// What control groups allow: in all, or (`left`) beyond what they use now.
int64_t group_limit(const std::string& root, bool left) {
    int64_t least = kNoLimit;
    for (const GroupFiles& files : group_files(root)) {
        const int64_t limit = number_in(files.limit, kNoLimit);
        if (limit == kNoLimit) continue;
        const int64_t used =
            left ? number_in(files.usage, 0) - number_of(files.details, files.cache, 0) : 0;
        least = std::min(least, std::max<int64_t>(limit - used, 0));
    }
    return least;
}

/// The numbers of /proc/self/statm that count for `ulimit -v` and `ulimit -d`.
enum StatmNumber { kAddressSpace = 0, kWritableMemory = 5 };

/// Bytes for the stacks of so many threads.
int64_t stacks(int64_t threads) {
    rlimit limit{};
    const bool limited = getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur <= kLargestStack;
    return threads * (limited ? static_cast<int64_t>(limit.rlim_cur) : kUsualStack);
}

/// What `ulimit` leaves of a resource beyond what this process uses of it now.
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
    return std::max<int64_t>(most - used, 0);
}

/// Keeps the smaller of two limits, with its reason. Of what is `left`, the program itself will
/// take `program` bytes.
void lower(MemoryLimit& limit, int64_t left, const char* reason, int64_t program = 0) {
    const int64_t bytes = left == kNoLimit ? left : std::max<int64_t>(left - program, 0);
    if (bytes >= limit.bytes) return;
    limit = {bytes, fmt::format(fmt::runtime(reason), memory_text(bytes > 0 ? bytes : left)),
             bytes == 0 && program > 0, program};
    if (limit.none_beside_program)
        limit.reason += fmt::format(", and gmrun itself needs about {}", memory_text(program));
}

/// The limits of what is touched: the machine's, and those of control groups, of which the program
/// itself will have touched `program` bytes in all. `taken` bytes will be touched, too.
MemoryLimit limit_of_touched(const std::string& root, int64_t program, int64_t taken) {
    MemoryLimit limit{kNoLimit, ""};
    const auto beside = [&](int64_t left) {
        return left == kNoLimit ? left : std::max<int64_t>(left - taken, 0);
    };
    lower(limit, beside(kibibytes_of(root + "/proc/meminfo", "MemAvailable:")),
          "this machine has {} of memory left");
    const int64_t touched = kibibytes_of(root + kStatus, "VmRSS:");
    lower(limit, beside(group_limit(root, true)), "this process's control group leaves {}",
          touched == kNoLimit ? program : std::max<int64_t>(program - touched, 0));
    return limit;
}

/// Limits of what is asked for, touched or not, less `reserve` bytes.
void lower_to_limits_of_process(MemoryLimit& limit, int64_t reserve) {
    lower(limit, left_of(RLIMIT_AS, kAddressSpace), "`ulimit -v` leaves {}", reserve);
    lower(limit, left_of(RLIMIT_DATA, kWritableMemory), "`ulimit -d` leaves {}", reserve);
}

}  // namespace

MemoryNeed memory_need(const ir::Module& module) {
    MemoryNeed need;
    need.states = ir::state_offset(module, static_cast<ir::StateId>(module.states.size()));
    for (const ir::Function& function : module.functions)
        need.arena = std::max(need.arena, function.arena_bytes);
    return need;
}

MemoryNeed training_need(const ir::Module& module) {
    MemoryNeed need = memory_need(module);
    need.copies = need.states;
    for (const ir::StateId id : trained_parameters(module))
        need.copies += module.states[id].type.bytes();
    return need;
}

std::vector<ir::StateId> trained_parameters(const ir::Module& module) {
    std::set<ir::StateId> ids;
    for (const ir::ScheduleEntry& entry : module.schedule)
        if (const ir::Function* function = module.find_function(entry.function))
            for (const ir::Update& update : function->updates)
                if (module.states[update.state].role == ir::StateRole::kParameter)
                    ids.insert(update.state);
    return {ids.begin(), ids.end()};
}

MemoryLimit memory_limit(const std::string& root) {
    const int64_t taken = root.empty() ? untouched_memory() + expected_memory() : 0;
    MemoryLimit limit = limit_of_touched(root, kProgram, taken);
    const int64_t begun = number_of(root + kStatus, "Threads:", 1) - 1;
    lower_to_limits_of_process(limit,
                               kReserve + stacks(std::max<int64_t>(thread_count() - begun, 0)));
    return limit;
}

uint64_t memory_for_data() { return static_cast<uint64_t>(memory_limit().bytes / 4); }

MemoryLimit memory_of_machine(const std::string& root) {
    MemoryLimit limit{kNoLimit, ""};
    lower(limit, kibibytes_of(root + "/proc/meminfo", "MemTotal:"),
          "this machine has {} of memory");
    lower(limit, group_limit(root, false), "this process's control group may use {} of memory");
    return limit;
}

std::string why_too_large(const MemoryNeed& need, const MemoryLimit& limit) {
    if (need.total() <= limit.bytes) return "";
    const std::string copies =
        need.copies == 0 ? "" : " and copies of states " + memory_text(need.copies);
    return fmt::format("states take {}, values {}{}, but {}", memory_text(need.states),
                       memory_text(need.arena), copies, limit.reason);
}

/// Stacks are asked for whole, but hardly touched.
int64_t asked_memory() {
#ifdef __SANITIZE_THREAD__  // it asks for terabytes, as AddressSanitizer does
    return 0;
#endif
    if (kAddressSanitizer) return 0;
    const int64_t asked = kibibytes_of(kStatus, "VmData:");
    if (asked == kNoLimit) return 0;
    return std::max<int64_t>(asked - stacks(number_of(kStatus, "Threads:", 1)), 0);
}

int64_t untouched_memory() {
    const int64_t touched = kibibytes_of(kStatus, "RssAnon:");
    return touched == kNoLimit ? 0 : std::max<int64_t>(asked_memory() - touched, 0);
}

namespace {
std::atomic<int64_t> expected = 0;
}

void expect_to_ask_for(int64_t bytes) { expected = bytes; }
int64_t expected_memory() { return expected; }

int64_t memory_within_limits() {
    return std::min(left_of(RLIMIT_AS, kAddressSpace), left_of(RLIMIT_DATA, kWritableMemory));
}

namespace {
std::atomic<int64_t> of_windows = 0;
}

MemoryOfWindow::MemoryOfWindow(int64_t bytes) : bytes_(bytes) { of_windows += bytes_; }
MemoryOfWindow::~MemoryOfWindow() { of_windows -= bytes_; }

bool would_fit_without_windows(int64_t bytes, const std::string& root) {
    return of_windows > 0 && why_no_room(bytes - of_windows, root).empty();
}

std::string why_no_room(int64_t bytes, const std::string& root) {
    MemoryLimit asked{kNoLimit, ""};
    lower_to_limits_of_process(asked, 0);  // libraries and threads are there
    if (bytes > asked.bytes)
        return fmt::format("it takes {} more, but {}", memory_text(bytes), asked.reason);
    const MemoryLimit touched = limit_of_touched(root, 0, 0);
    const int64_t all = bytes + untouched_memory(), windows = std::min<int64_t>(of_windows, all);
    if (all <= touched.bytes) return "";
    return fmt::format("it takes {} more{}, but {}", memory_text(all),
                       windows > 0 ? fmt::format(", {} of them for parts of data that are read "
                                                 "from their file",
                                                 memory_text(windows))
                                   : "",
                       touched.reason);
}

void share_heap_under_limit() {
#ifdef M_ARENA_MAX
    rlimit limit{};
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        mallopt(M_ARENA_MAX, 1);
#endif
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
