// A picture in memory, 8 bits per channel, without alpha maybe 16: what readers make, writers take,
// and both know nothing more of each other.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/support/check.h"

namespace gmc::runtime {

/// height x width x channels bytes, row by row from the top; 1 channel is grey, 3 are red, green,
/// blue; 2 and 4 have alpha (255 is opaque) behind them, by which colours are not multiplied.
struct Image {
    int64_t height = 0;
    int64_t width = 0;
    int64_t channels = 1;
    std::vector<uint8_t> pixels;
    /// Stored with 16 bits per channel; `pixels` has the upper 8.
    bool was_deep = false;
    /// A picture of 16 bits without alpha, and what is made of it: all of them, in the order of
    /// `pixels`. Otherwise empty.
    std::vector<uint16_t> deep;

    bool has_alpha() const { return channels % 2 == 0; }
    uint8_t* at(int64_t row, int64_t column) {
        return pixels.data() + (row * width + column) * channels;
    }
    const uint8_t* at(int64_t row, int64_t column) const {
        return pixels.data() + (row * width + column) * channels;
    }
};

/// An image of one colour; `value` per channel.
inline Image make_image(int64_t height, int64_t width, int64_t channels, uint8_t value) {
    GMC_CHECK(height > 0 && width > 0 && channels >= 1 && channels <= 4, "an image of {} x {} x {}",
              height, width, channels);
    return {height, width, channels,
            std::vector<uint8_t>(static_cast<size_t>(height * width * channels), value)};
}

}  // namespace gmc::runtime
