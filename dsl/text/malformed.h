// What yaml-cpp says about malformed text, in words about what the user wrote.
#pragma once

#include <string>

#include "compiler/support/diagnostic.h"

namespace gmc::dsl {

/// Reports kBadYaml for yaml-cpp's `message` about byte `at` of `text`, which is source `file`.
/// Points at the bracket that was left open, or the quote that swallowed lines, where that is
/// likely the reason.
void report_malformed(const std::string& message, size_t at, const std::string& text, uint32_t file,
                      Diagnostics& diagnostics);

/// The offset behind the quote that closes what opens at `begin`; beyond the text's size when none
/// does.
size_t quoted_end(const std::string& text, size_t begin);

}  // namespace gmc::dsl
