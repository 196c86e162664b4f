// Makes the cells of a row short enough for a terminal.
#pragma once

#include <string>
#include <vector>

namespace gmc::tools {

/// The values of a row, of which those that are longer than 60 bytes end in "..."; where that would
/// make two equal that are not, they begin with "..." shortly before the first difference of all
/// that are long, and are as long as it takes. Cells that differ stay different.
std::vector<std::string> cut_cells(const std::vector<std::string>& values);

}  // namespace gmc::tools
