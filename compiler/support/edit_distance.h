// Finds the name that a misspelt name was probably meant to be, for "did you mean".
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace gmc {

/// Levenshtein distance in bytes, where swapping two neighbours counts as one change (optimal
/// string alignment).
size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate nearest to `name`; "" when more than a third of the name would have to change.
std::string nearest_name(std::string_view name, std::span<const std::string> candidates);

}  // namespace gmc
