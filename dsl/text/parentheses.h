// Lets expressions with commas, and variables, stand in `{}` and `[]`. In these YAML ends a text at
// each comma and bracket, so it would read `{loss: mean(f(a, b))}` as two entries, `loss: mean(f(a`
// and `b))`, where one expression is meant, and a map in `{units: ${n}}`.
// How: before yaml-cpp sees the text, commas and brackets within parentheses and the brackets of
// `${n}` are replaced by control characters, which YAML treats like letters. Each is one byte for
// one byte, so all places of errors stay right. `shown` puts the originals back into what yaml-cpp
// returns.
#pragma once

#include <string>

namespace gmc::dsl {

/// The text for yaml-cpp. Replaces commas and brackets within parentheses, and within `${}`, that
/// open and close on one line, inside of `{}` or `[]`, and outside of quotes and comments; all else
/// stays.
std::string hide_in_parentheses(const std::string& text);
/// The inverse: a text without quotes as yaml-cpp returned it, with the original characters.
std::string shown(std::string text);

}  // namespace gmc::dsl
