// Names temporary files, and finds those that nobody will put in place any more.
#include "compiler/support/temporary_files.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <string_view>
#include <system_error>
#include <vector>

#include "compiler/support/paths.h"

namespace gmc {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMark = ".tmp-";
/// A name may be as long as file names can be; the temporary one must not be longer.
constexpr size_t kNameMost = 200;

std::string folder_of(const std::string& path) {
    const std::string folder = fs::path(path).parent_path().string();
    return folder.empty() ? "." : folder;
}

std::string begin_of_name(const std::string& path) {
    return fmt::format(".{}{}", fs::path(path).filename().string().substr(0, kNameMost), kMark);
}

/// Whether the process whose id stands behind the mark has ended; signal 0 asks.
bool is_abandoned(const std::string& name, size_t mark) {
    const auto writer =
        static_cast<pid_t>(std::strtol(name.c_str() + mark + kMark.size(), nullptr, 10));
    return writer > 0 && ::kill(writer, 0) != 0 && errno == ESRCH;
}

/// The abandoned files of a folder, by how their names begin.
std::multimap<std::string, fs::path> find_abandoned(const std::string& folder) {
    std::multimap<std::string, fs::path> found;
    for (const fs::path& path : paths_in(folder)) {
        const std::string name = path.filename().string();
        const size_t mark = name.rfind(kMark);
        if (name.front() == '.' && mark != std::string::npos && is_abandoned(name, mark))
            found.emplace(name.substr(0, mark + kMark.size()), path);
    }
    return found;
}

}  // namespace

/// In the same folder, because rename works only within one file system.
std::string temporary_name(const std::string& path) {
    static std::atomic<uint64_t> counter{0};
    return fmt::format("{}/{}{}-{}", folder_of(path), begin_of_name(path), getpid(), counter++);
}

void remove_abandoned(const std::string& path) {
    static std::mutex mutex;
    static std::map<std::string, std::multimap<std::string, fs::path>> folders;
    const std::string folder = folder_of(path);
    const std::lock_guard lock(mutex);
    const auto [at, added] = folders.try_emplace(folder);
    if (added) at->second = find_abandoned(folder);
    const auto [first, last] = at->second.equal_range(begin_of_name(path));
    std::error_code ignored;
    for (auto file = first; file != last; ++file) fs::remove(file->second, ignored);
    at->second.erase(first, last);
}

void remove_abandoned_files(const std::string& folder) {
    std::error_code ignored;
    for (const auto& [name, path] : find_abandoned(folder)) fs::remove(path, ignored);
}

}  // namespace gmc
