// Pictures through libraries that need not be there when gmc is built.
#pragma once

#include "runtime/data/pictures/picture_bytes.h"

namespace gmc::runtime {

/// WebP through libwebp, with its orientation; grey is RGB there. Of an animation the first
/// picture.
Result<Image> decode_webp(const PictureBytes& file, Diagnostics& diagnostics);

/// GIF through giflib: the first picture, at its place on the file's canvas. What it leaves free,
/// and its transparent colour, have alpha 0.
Result<Image> decode_gif(const PictureBytes& file, Diagnostics& diagnostics);

/// The first picture of a TIFF through libtiff: 1 to 8 and 16 bits of whole numbers, in the colours
/// that TIFFReadRGBAImage(3) knows, with their orientation.
Result<Image> decode_tiff(const PictureBytes& file, Diagnostics& diagnostics);

/// BMP through stb_image: uncompressed, of 1 to 32 bits.
Result<Image> decode_bmp(const PictureBytes& file, Diagnostics& diagnostics);

}  // namespace gmc::runtime
