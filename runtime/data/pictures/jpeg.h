// JPEG through libjpeg.
#pragma once

#include "runtime/data/pictures/picture_bytes.h"

namespace gmc::runtime {

/// Grey if the file is, else RGB. CMYK and YCCK, whose values Adobe stores inverted, become RGB as
/// (255 - C) (255 - K) / 255 and so on. A file cut short is an error, not a grey rest.
Result<Image> decode_jpeg(const PictureBytes& file, Diagnostics& diagnostics);

}  // namespace gmc::runtime
