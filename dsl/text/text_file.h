// Loads the text of a model, and refuses what is not text before any parser sees it.
#pragma once

#include <string>
#include <string_view>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::dsl {

/// Models have a few KB; a file larger than this is not a model.
constexpr size_t kMostModelBytes = 8'000'000;

/// A text that was added to the sources of the run.
struct TextFile {
    uint32_t file = 0;
    std::string text;
};

/// Reads a file of at most kMostModelBytes and drops a byte order mark. Reports kBadFile when there
/// is no such file, when it is a directory, is too large, cannot be read or is not UTF-8.
Result<TextFile> load_text(const std::string& path, Diagnostics& diagnostics);

/// Reports (kBadFile) the first byte of `text`, of the source `file`, that belongs in no text: a
/// control character, or one that is no UTF-8. False after an error.
bool check_bytes(const std::string& text, uint32_t file, Diagnostics& diagnostics);

/// A name for what `text` begins with, if that looks like a space and is none for YAML, such as "a
/// no-break space (U+00A0)"; "" for all else.
std::string odd_space(std::string_view text);

/// Whether a typographic quote stands in `text`; YAML takes it for a letter.
bool has_typographic_quote(std::string_view text);
constexpr const char* kQuoteHelp =
    "typographic quotes are letters here; the quotes of YAML are `\"` and `'`";

/// Reports kBadYaml for tabs and odd spaces as indentation, and for brackets nested deeper than
/// `most_levels`. The latter is checked here because yaml-cpp recurses for each bracket and would
/// overflow the stack.
bool check_layout(const std::string& text, uint32_t file, size_t most_levels,
                  Diagnostics& diagnostics);

}  // namespace gmc::dsl
