// Texts of a length that can be read: lines of help and reference texts for terminals of 80
// columns, and sentences, whatever a file or a command line has as a name.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gmc {

/// `line` in lines of at most `width` characters, broken at spaces; all but the first begin with
/// `indent` spaces. A word that is longer stays whole. Runs of spaces inside of a line are kept.
std::string wrapped(std::string_view line, size_t indent, size_t width = 80);

/// The first `most` bytes and "..."; all of a text that is no longer. No character is split.
std::string cut(std::string_view text, size_t most);

/// A text that is safe to print: control characters (those of U+0080 to U+009F, too) and bytes that
/// are no UTF-8 as `\x01`, a line break as `\n`, a tab as a space.
std::string printable(std::string_view text);
/// The same of a text of several lines: line breaks and tabs stay.
std::string printable_lines(std::string_view text);

/// A sentence in which what is quoted in backticks, and words, are cut to 100 characters where they
/// have more than any name or type in use. Paths stay whole, up to what the system allows.
std::string shortened(std::string_view sentence);

}  // namespace gmc
