// The classes of a folder of examples: its sub-folders by name.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::runtime {

/// As people order names: numbers in them by their value, so that 2 comes before 10.
bool natural_less(std::string_view a, std::string_view b);

/// Is this the name of what people do not see: of caches and previews, which begins with a dot, or
/// of the folder that macOS puts into archives?
bool is_hidden_name(std::string_view name);

/// Is this entry of a folder a link to that folder, or to one around it? Its contents would be
/// there twice, or without end.
bool leads_back(const std::filesystem::path& entry);

/// The names of the sub-folders of `path` in natural order, without hidden ones and links that lead
/// back. Error: the folder
/// cannot be read (kBadFile).
Result<std::vector<std::string>> list_class_folders(const std::string& path,
                                                    Diagnostics& diagnostics);

}  // namespace gmc::runtime
