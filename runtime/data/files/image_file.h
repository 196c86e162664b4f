// Pictures out of PNG and JPEG files, told apart by their first bytes.
#pragma once

#include <string>
#include <string_view>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"
#include "runtime/files/image.h"

namespace gmc::runtime {

/// The picture in the bytes of a file called `name`, grey or RGB. Errors: kBadFile with the offset
/// and what is wrong there (neither format, corrupt, cut short, CMYK), kTooLarge (over 2^28
/// pixels).
Result<Image> decode_image(std::string_view bytes, const std::string& name,
                           Diagnostics& diagnostics);
/// The same of a file.
Result<Image> read_image(const std::string& path, Diagnostics& diagnostics);

/// Does the file's name end in .png, .jpg or .jpeg, in capitals or not?
bool has_image_name(std::string_view path);

}  // namespace gmc::runtime
