// Breaks lines of help and reference texts for terminals of 80 columns.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gmc {

/// `line` in lines of at most `width` characters, broken at spaces; all but the first begin with
/// `indent` spaces. A word that is longer stays whole. Runs of spaces inside of a line are kept.
std::string wrapped(std::string_view line, size_t indent, size_t width = 80);

}  // namespace gmc
