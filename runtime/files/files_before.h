// Files as they were before a command changed them, such as those of a run. Where the command is
// refused, or fails before it has left anything, they are put back.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "compiler/support/diagnostic.h"

namespace gmc::runtime {

class FilesBefore {
  public:
    /// Takes in the bytes of the file, or that there is none, unless it has done so before. False
    /// after an error (kBadFile, kTooLarge): it is there and cannot be read.
    [[nodiscard]] bool keep(const std::string& path, Diagnostics& diagnostics);
    /// Takes in that there is no such file, where there is none.
    void keep_absence(const std::string& path);
    /// Takes in which files in a folder have names of a kind: others of the kind go.
    void keep_names(const std::string& folder, std::function<bool(std::string_view)> is_kind);
    /// `from` is about to be renamed to `to`.
    void keep_name(const std::string& from, const std::string& to) { renamed_[to] = from; }
    /// What was done to this file stays.
    void forget(const std::string& path) { files_.erase(path); }
    /// Everything stays.
    void forget();
    /// Whether a file was kept, and not forgotten or put back.
    bool holds() const { return !files_.empty(); }
    /// As far as the disk has room for it.
    void put_back();

  private:
    struct Names {
        std::function<bool(std::string_view)> is_kind;
        std::set<std::string> before;
    };
    std::map<std::string, std::optional<std::string>> files_;  ///< bytes, by path
    std::map<std::string, std::string> renamed_;
    std::map<std::string, Names> names_;  ///< by folder
};

}  // namespace gmc::runtime
