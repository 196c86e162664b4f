// Pictures of 8 bits per channel, and PNG files of them through libpng.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/support/diagnostic.h"
#include "compiler/support/result.h"

namespace gmc::runtime {

/// height x width x channels bytes, row by row from the top; 1 channel is grey, 3 are red, green,
/// blue.
struct Image {
    int64_t height = 0;
    int64_t width = 0;
    int64_t channels = 1;
    std::vector<uint8_t> pixels;

    uint8_t* at(int64_t row, int64_t column) {
        return pixels.data() + (row * width + column) * channels;
    }
    const uint8_t* at(int64_t row, int64_t column) const {
        return pixels.data() + (row * width + column) * channels;
    }
};

/// An image of one colour; `value` per channel.
Image make_image(int64_t height, int64_t width, int64_t channels, uint8_t value);

/// The bytes of a PNG file. Errors: kTooLarge (over 2^24 pixels wide or high, or no memory).
Result<std::string> encode_png(const Image& image, Diagnostics& diagnostics);
/// Writes a PNG file atomically. Errors: encode_png's and write_file_atomically's.
[[nodiscard]] bool write_png(const std::string& path, const Image& image, Diagnostics& diagnostics);

/// The picture in the bytes of a PNG file called `name`: grey if the file is, else RGB (transparent
/// pixels over black, 16 bits cut to 8). Errors: kBadFile (not a PNG, corrupt), kTooLarge (over
/// 2^28 pixels).
Result<Image> decode_png(std::string_view bytes, const std::string& name, Diagnostics& diagnostics);
/// The same of a file.
Result<Image> read_png(const std::string& path, Diagnostics& diagnostics);

}  // namespace gmc::runtime
