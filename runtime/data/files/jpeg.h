// JPEG through libjpeg.
#pragma once

#include <string>
#include <string_view>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "runtime/files/image.h"

namespace gmc::runtime {

/// The picture in the bytes of a JPEG file called `name`: grey if the file is, else RGB. Errors:
/// kBadFile with the offset (corrupt, cut short, CMYK), kTooLarge (over 2^28 pixels).
Result<Image> decode_jpeg(std::string_view bytes, const std::string& name,
                          Diagnostics& diagnostics);

}  // namespace gmc::runtime
