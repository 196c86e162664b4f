// The control groups that this process is in. Linux keeps their limits in files below
// /sys/fs/cgroup.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gmc::runtime {

/// A control group, by what its files' paths begin with: `folder` ends with "/".
struct ControlGroup {
    std::string folder;
    bool unified;  ///< version 2, where all controllers have one hierarchy of groups
};

/// Every group that this process is in, from its own up to the root: of version 2
/// ("0::/user.slice/..." in /proc/self/cgroup), and of `controller` in version 1 ("5:memory:/...").
/// Files are looked for below `root`, which is "" but in tests. In a container without a namespace
/// for groups, the path is the host's, and only the root is there: that of the container's group.
std::vector<ControlGroup> control_groups(const std::string& root, std::string_view controller);

/// The number at the beginning of a file; `otherwise` when there is none ("max").
int64_t number_in(const std::string& path, int64_t otherwise);

}  // namespace gmc::runtime
