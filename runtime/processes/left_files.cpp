// Reads /proc/self/maps, where a line ends with the path of the file that is mapped.
#include "runtime/processes/left_files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace gmc::runtime {

std::vector<std::string> mapped_files(const std::string& folder) {
    std::vector<std::string> files;
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        const size_t path = line.find(folder + "/");
        if (path == std::string::npos || line.ends_with(" (deleted)")) continue;
        std::string file = line.substr(path);
        if (std::find(files.begin(), files.end(), file) == files.end())
            files.push_back(std::move(file));
    }
    return files;
}

void remove_shared_memory() {
    for (const std::string& file : mapped_files("/dev/shm")) (void)unlink(file.c_str());
}

void remove_session(pid_t mpirun) {
    const char* named = std::getenv("PMIX_SERVER_TMPDIR");
    const std::filesystem::path session = named == nullptr ? "" : named;
    if (session.filename() != fmt::format("pid.{}", mpirun)) return;
    std::error_code ignored;
    std::filesystem::remove_all(session, ignored);
    (void)rmdir(session.parent_path().c_str());  // where it has no session of another mpirun
}

}  // namespace gmc::runtime
