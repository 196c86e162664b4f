// Expressions in `{}` and `[]`. There YAML ends a text at each comma and bracket, but
// `{loss: mean(f(a, b))}` means one text: what stands in parentheses belongs to it.
// Enters: the text of a file. Leaves: one of the same length for yaml-cpp, in which commas and
// brackets within parentheses are bytes that YAML takes for letters; `shown` puts them back.
#pragma once

#include <string>

namespace gmc::dsl {

/// Hides commas and brackets within parentheses that open and close on one line, inside of `{}` and
/// `[]` and outside of quotes and comments.
std::string hide_in_parentheses(const std::string& text);
/// The text, or a part of it, with what was hidden.
std::string shown(std::string text);

}  // namespace gmc::dsl
