// Makes PNG files of any colour type, depth and interlacing, sample by sample, because our own
// writer makes only a few of them.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <string>
#include <vector>

namespace gmc::runtime {

/// A picture to be written, in the terms of the PNG standard.
struct RawPng {
    uint32_t height = 1, width = 1;
    int colour = 0;  ///< 0 grey, 2 RGB, 3 palette, 4 grey and alpha, 6 RGB and alpha
    int depth = 8;
    bool interlaced = false;
    std::vector<uint32_t> samples;  ///< row by row, pixel by pixel
    std::string chunks_before;      ///< before the pixels: gAMA, PLTE, tRNS, ...
    std::string chunks_after;
};

inline std::string big_endian(uint64_t value, int bytes) {
    std::string out;
    for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
    return out;
}

/// Length, type, data, and the CRC of type and data.
inline std::string png_chunk(const std::string& type, const std::string& data) {
    const std::string body = type + data;
    const uLong sum =
        crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
    return big_endian(data.size(), 4) + body + big_endian(sum, 4);
}

/// Every dy-th row from y0 on, and of each every dx-th pixel from x0 on; each row is preceded by
/// the filter 0.
inline std::string png_rows(const RawPng& png, uint32_t y0, uint32_t x0, uint32_t dy, uint32_t dx) {
    static constexpr uint32_t kChannels[] = {1, 0, 3, 1, 2, 0, 4};
    const uint32_t channels = kChannels[png.colour];
    std::string rows;
    for (uint32_t y = y0; y < png.height && x0 < png.width; y += dy) {
        rows += '\0';
        uint32_t bits = 0;
        int filled = 0;
        for (uint32_t x = x0; x < png.width; x += dx)
            for (uint32_t c = 0; c < channels; ++c) {
                bits = bits << png.depth | png.samples[(y * png.width + x) * channels + c];
                filled += png.depth;
                for (; filled >= 8; filled -= 8) rows += static_cast<char>(bits >> (filled - 8));
            }
        if (filled > 0) rows += static_cast<char>(bits << (8 - filled));
    }
    return rows;
}

/// kPasses are the seven passes of Adam7: first row, first column, and the steps to the next ones.
inline std::string write_raw_png(const RawPng& png) {
    static constexpr uint32_t kPasses[7][4] = {{0, 0, 8, 8}, {0, 4, 8, 8}, {4, 0, 8, 4},
                                               {0, 2, 4, 4}, {2, 0, 4, 2}, {0, 1, 2, 2},
                                               {1, 0, 2, 1}};
    std::string rows;
    if (png.interlaced)
        for (const auto& [y, x, dy, dx] : kPasses) rows += png_rows(png, y, x, dy, dx);
    else
        rows = png_rows(png, 0, 0, 1, 1);
    std::string packed(compressBound(rows.size()), '\0');
    uLongf size = packed.size();
    compress(reinterpret_cast<Bytef*>(packed.data()), &size,
             reinterpret_cast<const Bytef*>(rows.data()), rows.size());
    packed.resize(size);
    const std::string header = big_endian(png.width, 4) + big_endian(png.height, 4) +
                               static_cast<char>(png.depth) + static_cast<char>(png.colour) +
                               std::string(2, '\0') + static_cast<char>(png.interlaced ? 1 : 0);
    return "\x89PNG\r\n\x1a\n" + png_chunk("IHDR", header) + png.chunks_before +
           png_chunk("IDAT", packed) + png.chunks_after + png_chunk("IEND", "");
}

}  // namespace gmc::runtime
