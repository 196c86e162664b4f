// Lays texts beside each other, line by line.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace gmc::tools {

/// In place of the number of a line, where a text has none.
inline constexpr size_t kNoLine = static_cast<size_t>(-1);

/// A row of texts that stand side by side: of each text the number of its line, from 0, or kNoLine.
using LineRow = std::vector<size_t>;

/// Finds which lines of the texts belong together. Each text is laid beside those before it, so
/// that as many equal lines as possible share rows; between them, a line shares a row with the one
/// that it is most like. Every line is in one row, in the order of its text. Where thousands of
/// lines differ, only lines near each other are compared, so that time and memory stay bounded.
std::vector<LineRow> side_by_side(const std::vector<std::vector<std::string_view>>& texts);

}  // namespace gmc::tools
