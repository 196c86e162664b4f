// What a command may write: not over what it reads, nor over what a run has of its training, and
// not over files of another kind. Every option that names a file to write goes through here.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/support/diagnostic.h"
#include "tools/command_line/command_line.h"

namespace gmc::tools {

/// Throws UsageError where the value of `option` does not end in one of `endings`, which say what
/// is written. The ending "/" stands for a folder. Where there is one ending only, a device or a
/// pipe, which has none, will do.
void check_ending(const CommandLine& line, const std::string& option,
                  std::initializer_list<std::string_view> endings);

/// The files that a command writes.
class OutputFiles {
  public:
    /// `read`: files and folders that the command reads, "" for none.
    explicit OutputFiles(std::vector<std::string> read = {});
    /// Whether `path` may be written. Errors (kBadFile): the command reads it, or what is in the
    /// folder; it is a file of a run's training; what is there is not of the kind that the ending
    /// of `path` says.
    [[nodiscard]] bool may_write(const std::string& path, Diagnostics& diagnostics) const;

  private:
    std::vector<std::string> read_;
};

/// Whether `path`, which need not be there, is `folder`, or lies in it.
bool lies_in(const std::string& path, const std::string& folder);

}  // namespace gmc::tools
