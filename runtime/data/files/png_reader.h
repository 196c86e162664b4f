// PNG files read through libpng.
#pragma once

#include <string>
#include <string_view>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "runtime/files/image.h"

namespace gmc::runtime {

/// The picture in the bytes of a PNG file called `name`: grey if the file is, else RGB (transparent
/// pixels over black, 16 bits cut to 8). Errors: kBadFile (not a PNG, corrupt), kTooLarge (over
/// 2^28 pixels).
Result<Image> decode_png(std::string_view bytes, const std::string& name, Diagnostics& diagnostics);
/// The same of a file.
Result<Image> read_png(const std::string& path, Diagnostics& diagnostics);

}  // namespace gmc::runtime
