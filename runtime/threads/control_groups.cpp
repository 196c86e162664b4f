// Reads /proc/self/cgroup.
#include "runtime/threads/control_groups.h"

#include <fstream>

namespace gmc::runtime {
namespace {

/// Whether "cpu,cpuacct" names a controller.
bool names(std::string_view controllers, std::string_view controller) {
    for (size_t begin = 0; begin <= controllers.size();) {
        const size_t end = std::min(controllers.find(',', begin), controllers.size());
        if (controllers.substr(begin, end - begin) == controller) return true;
        begin = end + 1;
    }
    return false;
}

}  // namespace

std::vector<ControlGroup> control_groups(const std::string& root, std::string_view controller) {
    std::vector<ControlGroup> all;
    std::ifstream groups(root + "/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
        const size_t first = line.find(':');
        const size_t second = line.find(':', first == std::string::npos ? first : first + 1);
        if (second == std::string::npos) continue;
        const std::string controllers = line.substr(first + 1, second - first - 1);
        const bool unified = controllers.empty();
        if (!unified && !names(controllers, controller)) continue;
        const std::string mounted =
            root + "/sys/fs/cgroup/" + (unified ? "" : std::string(controller));
        std::string path = line.substr(second + 1);
        while (true) {
            all.push_back({mounted + (path == "/" ? "" : path) + "/", unified});
            if (path.empty() || path == "/") break;
            path.resize(path.rfind('/'));
        }
    }
    return all;
}

int64_t number_in(const std::string& path, int64_t otherwise) {
    std::ifstream file(path);
    int64_t value = 0;
    return file >> value ? value : otherwise;
}

}  // namespace gmc::runtime
