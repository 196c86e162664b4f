// Names that a misspelt name may have meant.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace gmc {

/// Levenshtein distance with adjacent swaps counted as one, in bytes (optimal string alignment).
size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate nearest to `name`, or "" when none is near enough to be worth saying
/// (more than a third of the name would have to change).
std::string nearest_name(std::string_view name, std::span<const std::string> candidates);

}  // namespace gmc
