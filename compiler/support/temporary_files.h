// Temporary files beside those that are written, and what killed writers left of them.
#pragma once

#include <string>

namespace gmc {

/// A name beside `path` that no other writer has: `.NAME.tmp-PID-N`.
std::string temporary_name(const std::string& path);

/// Removes the temporary files of writers of `path` that no longer run. A folder is looked through
/// once per process, however many files are written into it.
void remove_abandoned(const std::string& path);
/// Removes from `folder` those of all files.
void remove_abandoned_files(const std::string& folder);

}  // namespace gmc
