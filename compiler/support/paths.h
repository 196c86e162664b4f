// What is at a path and in a folder, and which kind of error a failed write is. std::filesystem's
// own functions throw where the path is too long or lies in a folder that may not be entered. Here
// such a path counts as empty; the attempt to open it, which follows, reports the reason.
#pragma once

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "compiler/support/diagnostic.h"

namespace gmc {

/// Characters of a name at the most, in the language and in modules: names become parts of the
/// names of files, functions and columns.
inline constexpr size_t kLongestName = 100;

inline bool is_there(const std::string& path) {
    std::error_code error;
    return std::filesystem::exists(path, error);
}
inline bool is_folder(const std::string& path) {
    std::error_code error;
    return std::filesystem::is_directory(path, error);
}
inline bool is_regular(const std::string& path) {
    std::error_code error;
    return std::filesystem::is_regular_file(path, error);
}

/// The paths in `folder`, which they begin with, in the order of the file system: all that could be
/// read. `error` says why the others could not be; it is cleared where there are none. In a
/// range-based `for`, a directory_iterator throws where the folder vanishes while it is read.
inline std::vector<std::filesystem::path> paths_in(const std::filesystem::path& folder,
                                                   std::error_code& error) {
    namespace fs = std::filesystem;
    std::vector<fs::path> paths;
    for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
        paths.push_back(at->path());
    return paths;
}

/// The same, where what cannot be read is as good as not there.
inline std::vector<std::filesystem::path> paths_in(const std::filesystem::path& folder) {
    std::error_code ignored;
    return paths_in(folder, ignored);
}

/// Where a file that is written to `path` belongs: behind symbolic links, which stay as they are.
/// Of a link to an open pipe (/dev/stdout) that has no other name, or to a folder, the link.
inline std::string followed(const std::string& path) {
    constexpr int kMostLinks = 40;  // as in Linux; a circle of links has no end
    std::filesystem::path at = path;
    std::error_code error;
    for (int i = 0; i < kMostLinks && std::filesystem::is_symlink(at, error); ++i) {
        const auto next = at.parent_path() / std::filesystem::read_symlink(at, error);
        const bool is_name = std::filesystem::exists(next, error)
                                 ? !std::filesystem::is_directory(next, error)
                                 : !std::filesystem::exists(at, error);
        if (!is_name) break;
        at = next;
    }
    return at.string();
}

/// The kind of error of a file that cannot be written, by errno.
inline DiagnosticKind kind_of_write_error(int code) {
    return code == ENOSPC || code == EDQUOT || code == EFBIG ? DiagnosticKind::kDiskFull
                                                             : DiagnosticKind::kBadFile;
}

}  // namespace gmc
