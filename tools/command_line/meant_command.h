// What is meant by a word that is no command.
#pragma once

#include <string>
#include <string_view>

namespace gmc::tools {

/// What somebody wants who gives `name` in place of a command of `program` ("gmc" or "gmrun"): a
/// help, or "" where that is not known. Words of the other program, and of other programs, lead to
/// ours, and so do files.
std::string meant_command(std::string_view program, const std::string& name);

}  // namespace gmc::tools
