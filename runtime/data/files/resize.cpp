// Two passes, along rows and along columns, each a weighted sum of few neighbours.
#include "runtime/data/files/resize.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace gmc::runtime {
namespace {

/// A stretch of a picture's side.
struct Part {
    double start = 0;
    double length = 0;
};

/// The pixels that one new pixel is made of.
struct Weights {
    int64_t first = 0;
    std::vector<float> values;
};

/// A triangle around each new pixel's middle, as wide as the distance of two new pixels, but at
/// least of two old ones.
std::vector<Weights> make_weights(Part part, int64_t old_size, int64_t new_size) {
    const double scale = part.length / static_cast<double>(new_size);
    const double support = std::max(scale, 1.0);
    std::vector<Weights> all(static_cast<size_t>(new_size));
    for (int64_t i = 0; i < new_size; ++i) {
        const double centre = part.start + (static_cast<double>(i) + 0.5) * scale;
        const auto first = std::max<int64_t>(static_cast<int64_t>(centre - support + 0.5), 0);
        const auto end = std::min<int64_t>(static_cast<int64_t>(centre + support + 0.5), old_size);
        Weights& weights = all[static_cast<size_t>(i)];
        weights.first = first;
        double sum = 0;
        std::vector<double> shares;
        for (int64_t k = first; k < end; ++k) {
            const double distance = std::abs(static_cast<double>(k) + 0.5 - centre) / support;
            shares.push_back(std::max(1 - distance, 0.0));
            sum += shares.back();
        }
        for (const double share : shares) weights.values.push_back(static_cast<float>(share / sum));
    }
    return all;
}

/// Both parts for the proportions of the new picture.
void cut_middle(const Image& image, int64_t height, int64_t width, Part& rows, Part& columns) {
    const double scale = std::min(rows.length / static_cast<double>(height),
                                  columns.length / static_cast<double>(width));
    rows.length = scale * static_cast<double>(height);
    columns.length = scale * static_cast<double>(width);
    rows.start = (static_cast<double>(image.height) - rows.length) / 2;
    columns.start = (static_cast<double>(image.width) - columns.length) / 2;
}

Image convert_channels(const Image& image, int64_t channels) {
    if (image.channels == channels) return image;
    Image out = make_image(image.height, image.width, channels, 0);
    const int64_t pixels = image.height * image.width;
    for (int64_t i = 0; i < pixels; ++i) {
        const uint8_t* from = image.pixels.data() + i * image.channels;
        uint8_t* to = out.pixels.data() + i * channels;
        if (channels == 1)
            to[0] =
                static_cast<uint8_t>((299 * from[0] + 587 * from[1] + 114 * from[2] + 500) / 1000);
        else
            std::fill_n(to, channels, from[0]);
    }
    return out;
}

}  // namespace

Image fit_image(const Image& original, int64_t height, int64_t width, int64_t channels, bool crop) {
    const Image image = convert_channels(original, channels);
    if (image.height == height && image.width == width) return image;
    Part rows{0, static_cast<double>(image.height)}, columns{0, static_cast<double>(image.width)};
    if (crop) cut_middle(image, height, width, rows, columns);
    const std::vector<Weights> across = make_weights(columns, image.width, width);
    const std::vector<Weights> down = make_weights(rows, image.height, height);
    std::vector<float> narrow(static_cast<size_t>(image.height * width * channels));
    for (int64_t y = 0; y < image.height; ++y)
        for (int64_t x = 0; x < width; ++x) {
            const Weights& weights = across[static_cast<size_t>(x)];
            const uint8_t* from = image.at(y, weights.first);
            float* to = narrow.data() + (y * width + x) * channels;
            for (const float weight : weights.values)
                for (int64_t c = 0; c < channels; ++c) to[c] += weight * *from++;
        }
    Image out = make_image(height, width, channels, 0);
    std::vector<float> row(static_cast<size_t>(width * channels));
    for (int64_t y = 0; y < height; ++y) {
        const Weights& weights = down[static_cast<size_t>(y)];
        std::fill(row.begin(), row.end(), 0.0F);
        const float* from = narrow.data() + weights.first * width * channels;
        for (const float weight : weights.values)
            for (float& value : row) value += weight * *from++;
        uint8_t* to = out.at(y, 0);
        for (const float value : row)
            *to++ = static_cast<uint8_t>(std::clamp(value + 0.5F, 0.0F, 255.0F));
    }
    return out;
}

void mirror(float* pixels, int64_t height, int64_t width, int64_t channels) {
    for (int64_t y = 0; y < height; ++y, pixels += width * channels)
        for (int64_t left = 0, right = width - 1; left < right; ++left, --right)
            std::swap_ranges(pixels + left * channels, pixels + (left + 1) * channels,
                             pixels + right * channels);
}

}  // namespace gmc::runtime
