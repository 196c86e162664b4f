// Finds the orientation in EXIF data, which is one tag of a TIFF directory, and turns pictures by
// it. Every offset in the data is a claim: reads beyond the end give 0.
#include "runtime/data/pictures/orientation.h"

#include <algorithm>
#include <cstddef>

namespace gmc::runtime {
namespace {

constexpr uint32_t kOrientationTag = 0x0112;
constexpr size_t kEntryBytes = 12;
constexpr size_t kValueAt = 8;  ///< within an entry: after tag, type and count

/// Numbers of a block in the byte order that its first bytes name; 0 beyond its end.
class Numbers {
  public:
    explicit Numbers(std::string_view block) : block_(block), big_(block.starts_with("MM")) {}

    uint32_t read(size_t at, size_t bytes) const {
        if (at > block_.size() || bytes > block_.size() - at) return 0;
        uint32_t value = 0;
        for (size_t i = 0; i < bytes; ++i) {
            const size_t place = big_ ? at + i : at + bytes - 1 - i;
            value = value << 8 | static_cast<unsigned char>(block_[place]);
        }
        return value;
    }

  private:
    std::string_view block_;
    bool big_;
};

}  // namespace

int exif_orientation(std::string_view block) {
    if (!block.starts_with("MM") && !block.starts_with("II")) return 1;
    const Numbers numbers(block);
    const size_t directory = numbers.read(4, 4);
    const uint32_t entries = numbers.read(directory, 2);
    for (uint32_t i = 0; i < entries; ++i) {
        const size_t entry = directory + 2 + i * kEntryBytes;
        if (entry >= block.size()) return 1;
        if (numbers.read(entry, 2) != kOrientationTag) continue;
        const uint32_t value = numbers.read(entry + kValueAt, 2);
        return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
    }
    return 1;
}

/// For each pixel of the upright picture: where it is in the stored one.
Image turn_upright(Image image, int orientation) {
    if (orientation <= 1) return image;
    // Which corner of the stored picture is seen at the top left.
    const bool from_right =
        orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    const bool from_bottom =
        orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    const bool exchanged = orientation >= 5;
    Image out = make_image(exchanged ? image.width : image.height,
                           exchanged ? image.height : image.width, image.channels, 0);
    out.deep.resize(image.deep.size());
    for (int64_t row = 0; row < out.height; ++row)
        for (int64_t column = 0; column < out.width; ++column) {
            const int64_t y = exchanged ? column : row, x = exchanged ? row : column;
            const int64_t from_row = from_bottom ? image.height - 1 - y : y,
                          from_column = from_right ? image.width - 1 - x : x;
            std::copy_n(image.at(from_row, from_column), image.channels, out.at(row, column));
            if (!image.deep.empty())
                std::copy_n(
                    image.deep.begin() + (from_row * image.width + from_column) * image.channels,
                    image.channels, out.deep.begin() + (row * out.width + column) * out.channels);
        }
    return out;
}

}  // namespace gmc::runtime
