// How a camera was held: the orientation that EXIF gives, and pictures turned by it.
#pragma once

#include <string_view>

#include "runtime/files/image.h"

namespace gmc::runtime {

/// The orientation, 1 to 8, in a block of EXIF data (a TIFF header and its first directory); 1,
/// which is upright, where there is none or the block is damaged.
int exif_orientation(std::string_view block);

/// The picture as it was seen: 2 to 4 mirrored left to right, turned by 180 degrees, mirrored top
/// to bottom; 5 to 8 with rows and columns exchanged (EXIF 2.32, tag 0x0112).
Image turn_upright(Image image, int orientation);

}  // namespace gmc::runtime
