// Makes pictures one size: cut, converted to the wanted channels, and resized in two passes, along
// rows and then along columns, each a weighted sum of a few neighbours. The weights of a new pixel
// are a product of one along the row and one along the column, which is why two passes give the
// same as one over all neighbours, with fewer products.
#include "runtime/data/pictures/resize.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "runtime/data/pictures/alpha.h"
#include "runtime/data/pictures/picture_bytes.h"

namespace gmc::runtime {
namespace {

/// A stretch of a picture's side.
struct Stretch {
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
std::vector<Weights> make_weights(Stretch part, int64_t old_size, int64_t new_size) {
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
void cut_middle(const Image& image, const PictureFit& fit, Stretch& rows, Stretch& columns) {
    const double scale = std::min(rows.length / static_cast<double>(fit.height),
                                  columns.length / static_cast<double>(fit.width));
    rows.length = scale * static_cast<double>(fit.height);
    columns.length = scale * static_cast<double>(fit.width);
    rows.start = (static_cast<double>(image.height) - rows.length) / 2;
    columns.start = (static_cast<double>(image.width) - columns.length) / 2;
}

/// Rec. 601 in units of 2^-16, as Pillow rounds it.
template <typename T>
T grey_of(const T* rgb) {
    return static_cast<T>((19595U * rgb[0] + 38470U * rgb[1] + 7471U * rgb[2] + 32768U) >> 16);
}

/// Grey and colour into each other; alpha stays what it is, or becomes opaque.
Image convert_channels(const Image& image, int64_t channels) {
    if (image.channels == channels) return image;
    Image out = make_image(image.height, image.width, channels, 255);
    const int64_t pixels = image.height * image.width;
    for (int64_t i = 0; i < pixels; ++i) {
        const uint8_t* from = image.pixels.data() + i * image.channels;
        uint8_t* to = out.pixels.data() + i * channels;
        if (channels == 1)
            to[0] = grey_of(from);
        else if (image.channels >= 3)
            std::copy_n(from, 3, to);
        else
            std::fill_n(to, 3, from[0]);
        if (out.has_alpha() && image.has_alpha()) to[3] = from[image.channels - 1];
    }
    return out;
}

/// The rows of `image`, of which `values` are the pixels of 8 or 16 bits, with the weights of new
/// columns: image.height x across.size() pixels.
template <typename T>
std::vector<float> sum_columns(const Image& image, const std::vector<T>& values,
                               const std::vector<Weights>& across) {
    std::vector<float> resized_rows(static_cast<size_t>(image.height * image.channels) *
                                    across.size());
    float* to = resized_rows.data();
    for (int64_t y = 0; y < image.height; ++y)
        for (const Weights& weights : across) {
            const T* from = values.data() + (y * image.width + weights.first) * image.channels;
            for (const float weight : weights.values)
                for (int64_t c = 0; c < image.channels; ++c) to[c] += weight * *from++;
            to += image.channels;
        }
    return resized_rows;
}

/// Two passes, since the weights of a pixel are a product: first all columns are summed up for
/// every row of the input, in floats, then rows. That costs width + height weights per pixel
/// instead of their product. Only the result is rounded to whole numbers.
template <typename T>
std::vector<T> resize(const Image& image, const std::vector<T>& values, const PictureFit& fit) {
    Stretch rows{0, static_cast<double>(image.height)},
        columns{0, static_cast<double>(image.width)};
    if (fit.crop) cut_middle(image, fit, rows, columns);
    const std::vector<float> resized_rows =
        sum_columns(image, values, make_weights(columns, image.width, fit.width));
    const std::vector<Weights> down = make_weights(rows, image.height, fit.height);
    const int64_t row_values = fit.width * image.channels;
    constexpr float kMost = std::numeric_limits<T>::max();
    std::vector<T> out(static_cast<size_t>(fit.height * row_values));
    T* to = out.data();
    std::vector<float> row(static_cast<size_t>(row_values));
    for (int64_t y = 0; y < fit.height; ++y) {
        const Weights& weights = down[static_cast<size_t>(y)];
        std::fill(row.begin(), row.end(), 0.0F);
        const float* from = resized_rows.data() + weights.first * row_values;
        for (const float weight : weights.values)
            for (float& value : row) value += weight * *from++;
        for (const float value : row) *to++ = static_cast<T>(std::clamp(value + 0.5F, 0.0F, kMost));
    }
    return out;
}

/// A picture of 16 bits, in as many channels as are wanted: of grey equal ones, and alpha that is
/// opaque.
Image fit_deep(Image image, const PictureFit& fit) {
    if (image.channels == 3 && fit.channels == 1) {
        for (size_t i = 0; i < image.deep.size(); i += 3)
            image.deep[i / 3] = grey_of(image.deep.data() + i);
        image.deep.resize(image.deep.size() / 3);
        image.channels = 1;
    }
    const bool same_size = image.height == fit.height && image.width == fit.width;
    const std::vector<uint16_t> values = same_size ? image.deep : resize(image, image.deep, fit);
    Image out = make_image(fit.height, fit.width, fit.channels, 0);
    out.was_deep = true;
    out.deep.assign(out.pixels.size(), std::numeric_limits<uint16_t>::max());
    const auto has = static_cast<size_t>(image.channels), wants = static_cast<size_t>(fit.channels);
    for (size_t i = 0; i < out.deep.size() / wants; ++i)
        for (size_t c = 0; c < std::min<size_t>(wants, 3); ++c)
            out.deep[i * wants + c] = values[i * has + (has == 3 ? c : 0)];
    take_upper_bits(out);
    return out;
}

}  // namespace

Image fit_image(const Image& original, const PictureFit& fit) {
    if (!original.deep.empty()) return fit_deep(original, fit);
    const bool keeps_alpha = fit.channels == 4;
    Image image =
        convert_channels(keeps_alpha ? original : blend_over(original, fit.ground), fit.channels);
    if (image.height == fit.height && image.width == fit.width) return image;
    // Colours of pixels that nobody sees must not bleed into their neighbours.
    if (keeps_alpha) multiply_by_alpha(image);
    Image out{fit.height, fit.width, image.channels, resize(image, image.pixels, fit)};
    if (keeps_alpha) divide_by_alpha(out);
    return out;
}

void mirror(float* pixels, int64_t height, int64_t width, int64_t channels) {
    for (int64_t y = 0; y < height; ++y, pixels += width * channels)
        for (int64_t left = 0, right = width - 1; left < right; ++left, --right)
            std::swap_ranges(pixels + left * channels, pixels + (left + 1) * channels,
                             pixels + right * channels);
}

}  // namespace gmc::runtime
