// Paths of data as people write them: with `~`, relative, or with a typing error.
#pragma once

#include <string>
#include <vector>

namespace gmc::dsl {

/// `~/data` with the folder of the user in place of `~`; all else as it is.
std::string with_home(const std::string& path);

/// What to say below an error about a file that is not there: the folder in which it was looked
/// for, names there that are nearly the same, where well-known sets come from. Empty when it is
/// there.
std::vector<std::string> where_looked(const std::string& path);

/// How the source of a field is written, for an author who wrote the `text` alone: "`{npy:
/// x.npy}`".
std::string source_as_written(const std::string& text);

}  // namespace gmc::dsl
