// PNG through libpng.
#pragma once

#include "runtime/data/pictures/picture_bytes.h"

namespace gmc::runtime {

/// Every colour type and depth, interlaced or not, as 8 bits of what the file stores: gAMA, sRGB
/// and other statements about colour change nothing, a palette or a transparent colour (tRNS) is
/// resolved. Grey of 16 bits is in Image::deep, too; of other pictures the upper 8 bits are taken.
Result<Image> decode_png(const PictureBytes& file, Diagnostics& diagnostics);

}  // namespace gmc::runtime
