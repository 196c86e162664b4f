// Writes PNG files through libpng.
#pragma once

#include <string>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "runtime/files/image.h"

namespace gmc::runtime {

/// The bytes of a PNG file. Errors: kTooLarge (over 2^24 pixels wide or high, or out of memory).
Result<std::string> encode_png(const Image& image, Diagnostics& diagnostics);
/// Writes a PNG file atomically. Errors: those of encode_png and write_file_atomically.
[[nodiscard]] bool write_png(const std::string& path, const Image& image, Diagnostics& diagnostics);

}  // namespace gmc::runtime
