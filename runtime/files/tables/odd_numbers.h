// Texts of a table that are meant as numbers and are not written as such.
#pragma once

#include <string>
#include <string_view>

namespace gmc::runtime {

/// Is this text meant as a number, or as a date or a time: digits and marks (`1,000`, `12 %`,
/// `2020-01-31`), mostly digits (`120kg`), or an infinity?
bool looks_like_number(const std::string& text);

/// Has this text marks between its thousands, as `1,000`, `1.234,5` and `12 345` have?
bool has_thousands(std::string_view text);

/// What helps where such a text, or any other, stands among numbers.
std::string how_to_write(const std::string& text);

}  // namespace gmc::runtime
