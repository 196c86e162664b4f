// Options of other programs that train models, and how gmc says the same.
#pragma once

#include <string>
#include <string_view>

namespace gmc::tools {

/// What to say of an option that no command has, such as `--lr`; "" where nothing is known. `name`
/// may have dashes in front.
std::string foreign_option(std::string_view name);

}  // namespace gmc::tools
