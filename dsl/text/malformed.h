// Turns yaml-cpp's complaint about malformed text into a message about what the author wrote.
#pragma once

#include <string>

#include "compiler/support/diagnostic.h"

namespace gmc::dsl {

/// Reports kBadYaml for yaml-cpp's `message` at byte `at` of `text`, which is source `file`. When a
/// bracket left open or a quote that runs over lines is the likely reason, the message points
/// there.
void report_malformed(const std::string& message, size_t at, const std::string& text, uint32_t file,
                      Diagnostics& diagnostics);

/// The offset after the quote that closes the one at `begin`; beyond the end of the text when none
/// does.
size_t quoted_end(const std::string& text, size_t begin);

}  // namespace gmc::dsl
