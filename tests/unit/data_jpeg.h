// Makes JPEG files, for tests of code that reads them.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

// After <cstdio>, which this header needs but does not include.
#include <jpeglib.h>

#include "runtime/files/image.h"

namespace gmc::runtime {

/// The file of an image: grey, colour, or CMYK of 4 channels, which may be stored as YCCK. With
/// EXIF data if there are some.
inline std::string jpeg(const Image& image, const std::string& exif = "",
                        J_COLOR_SPACE stored = JCS_CMYK) {
    jpeg_compress_struct info{};
    jpeg_error_mgr errors{};
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    unsigned char* memory = nullptr;
    unsigned long size = 0;
    jpeg_mem_dest(&info, &memory, &size);
    info.image_width = static_cast<JDIMENSION>(image.width);
    info.image_height = static_cast<JDIMENSION>(image.height);
    info.input_components = static_cast<int>(image.channels);
    info.in_color_space = image.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    if (image.channels == 4) info.in_color_space = JCS_CMYK;
    jpeg_set_defaults(&info);
    if (image.channels == 4) {
        jpeg_set_colorspace(&info, stored);
        jpeg_set_quality(&info, 100, TRUE);
    }
    jpeg_start_compress(&info, TRUE);
    const std::string marker = std::string("Exif\0\0", 6) + exif;
    if (!exif.empty())
        jpeg_write_marker(&info, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(marker.data()),
                          static_cast<unsigned>(marker.size()));
    while (info.next_scanline < info.image_height) {
        auto* row = const_cast<unsigned char*>(image.at(info.next_scanline, 0));
        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    std::string bytes(reinterpret_cast<char*>(memory), size);
    jpeg_destroy_compress(&info);
    std::free(memory);
    return bytes;
}

}  // namespace gmc::runtime
