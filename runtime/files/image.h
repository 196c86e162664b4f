// A picture in memory, 8 bits per channel: what readers make, writers take, and both know nothing
// more of each other.
#pragma once

#include <cstdint>
#include <vector>

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

}  // namespace gmc::runtime
