// Loads a model's text, and refuses what is not text before any parser sees it.
#pragma once

#include <string>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::dsl {

/// Models are a few KB; what is larger than this is something else.
constexpr size_t kMostModelBytes = 8'000'000;

/// A text that was added to the sources of the run.
struct TextFile {
    uint32_t file = 0;
    std::string text;
};

/// Reads a file of at most kMostModelBytes; a byte order mark is dropped. Reports kBadFile when
/// there is no such file, when it is a directory or too large, cannot be read, or is not UTF-8
/// text.
Result<TextFile> load_text(const std::string& path, Diagnostics& diagnostics);

/// Reports kBadYaml for tabs as indentation and for brackets nested deeper than `most_levels`,
/// which yaml-cpp would take apart token by token, recursing.
bool check_layout(const std::string& text, uint32_t file, size_t most_levels,
                  Diagnostics& diagnostics);

}  // namespace gmc::dsl
