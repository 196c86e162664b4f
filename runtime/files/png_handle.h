// libpng's simplified interface: no setjmp, so C++ objects may live across its calls.
#pragma once

#include <png.h>

namespace gmc::runtime {

/// libpng's handle, freed on every way out.
struct PngHandle {
    png_image image{};
    PngHandle() { image.version = PNG_IMAGE_VERSION; }
    ~PngHandle() { png_image_free(&image); }
    PngHandle(const PngHandle&) = delete;
    PngHandle& operator=(const PngHandle&) = delete;
};

}  // namespace gmc::runtime
