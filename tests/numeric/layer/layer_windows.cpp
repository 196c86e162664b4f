// Layers with windows against plain loops over [N, H, W, C]; a sequence is an image of width 1.
#include <algorithm>
#include <cmath>
#include <functional>

#include "tests/catch.h"
#include "tests/numeric/layer/layer_model.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

namespace {

/// Numbers as [N, H, W, C].
struct Image {
    int64_t n, h, w, c;
    std::vector<double> data;
    Image(int64_t count, int64_t height, int64_t width, int64_t channels)
        : n(count), h(height), w(width), c(channels), data(size_t(n * h * w * c), 0.0) {}
    double& at(int64_t i, int64_t y, int64_t x, int64_t k) {
        return data[size_t(((i * h + y) * w + x) * c + k)];
    }
    bool has(int64_t y, int64_t x) const { return y >= 0 && y < h && x >= 0 && x < w; }
    /// Sets every element to f(n, y, x, c).
    Image& fill(const std::function<double(int64_t, int64_t, int64_t, int64_t)>& f) {
        for (int64_t i = 0; i < n; ++i)
            for (int64_t y = 0; y < h; ++y)
                for (int64_t x = 0; x < w; ++x)
                    for (int64_t k = 0; k < c; ++k) at(i, y, x, k) = f(i, y, x, k);
        return *this;
    }
};

Image image_of(const ir::Shape& shape, const std::vector<double>& data) {
    Image image(shape[0], shape[1], shape.size() == 4 ? shape[2] : 1, shape.back());
    image.data = data;
    return image;
}

/// Checks the result, the derivatives and the fast path of a model.
void check(const LayerModel& model, const Image& expected) {
    CHECK(difference("apply", model.run("apply"), expected.data, kRewrite) == "");
    CHECK(model.check_gradients() == "");
    CHECK(model.check_fast_path() == "");
}

/// One axis of a convolution.
struct Axis {
    int64_t kernel, stride, dilation, pad;  ///< pad: in front
};

/// y[o, f] = b[f] + the sum of x w over taps and the channels of f's group.
Image convolution(Image x, const std::vector<double>& weights, const std::vector<double>& bias,
                  int64_t h, int64_t w, Axis a, Axis b, int64_t groups) {
    const int64_t filters = int64_t(bias.size()), each = x.c / groups, per = filters / groups;
    return Image(x.n, h, w, filters).fill([&](int64_t i, int64_t oy, int64_t ox, int64_t f) {
        double sum = bias[size_t(f)];
        for (int64_t ky = 0; ky < a.kernel; ++ky)
            for (int64_t kx = 0; kx < b.kernel; ++kx)
                for (int64_t k = 0; k < each; ++k) {
                    const int64_t y = oy * a.stride + ky * a.dilation - a.pad,
                                  z = ox * b.stride + kx * b.dilation - b.pad;
                    if (x.has(y, z))
                        sum += x.at(i, y, z, f / per * each + k) *
                               weights[size_t(((ky * b.kernel + kx) * each + k) * filters + f)];
                }
        return sum;
    });
}

/// Each element of x adds x w to all elements that its window covers.
Image transposed(Image x, const std::vector<double>& weights, const std::vector<double>& bias,
                 int64_t h, int64_t w, Axis a, Axis b, int64_t groups) {
    const int64_t filters = int64_t(bias.size()), each = filters / groups, per = x.c / groups;
    Image y(x.n, h, w, filters);
    y.fill([&](int64_t, int64_t, int64_t, int64_t f) { return bias[size_t(f)]; });
    for (int64_t i = 0; i < x.n; ++i)
        for (int64_t r = 0; r < x.h; ++r)
            for (int64_t s = 0; s < x.w; ++s)
                for (int64_t ky = 0; ky < a.kernel; ++ky)
                    for (int64_t kx = 0; kx < b.kernel; ++kx)
                        for (int64_t k = 0; k < x.c; ++k)
                            for (int64_t f = 0; f < each; ++f) {
                                const int64_t oy = r * a.stride + ky * a.dilation - a.pad,
                                              ox = s * b.stride + kx * b.dilation - b.pad;
                                if (y.has(oy, ox))
                                    y.at(i, oy, ox, k / per * each + f) +=
                                        x.at(i, r, s, k) *
                                        weights[size_t(((ky * b.kernel + kx) * each + f) * x.c +
                                                       k)];
                            }
    return y;
}

/// One convolution layer: its text, and the plain convolution of size [h, w] that it has to equal.
void check_convolution(const std::string& input, const std::string& kind, const std::string& keys,
                       int64_t h, int64_t w, Axis a, Axis b, int64_t groups) {
    INFO(kind << ": {" << keys << "} of " << input);
    const LayerModel model(input, {kind + ": {bias_initializer: normal, " + keys + "}"});
    const Image x = image_of(model.shape_of("slope"), model.x());
    const bool is_transposed = kind.find("transpose") != std::string::npos;
    check(model, (is_transposed ? transposed : convolution)(
                     x, model.parameter("net." + kind + ".weight"),
                     model.parameter("net." + kind + ".bias"), h, w, a, b, groups));
}

/// Pooling by its definition: each window reduces the part of x that it covers.
Image pooled(Image x, int64_t h, int64_t w, Axis a, Axis b, bool max) {
    return Image(x.n, h, w, x.c).fill([&](int64_t i, int64_t oy, int64_t ox, int64_t k) {
        std::vector<double> inside;
        for (int64_t ky = 0; ky < a.kernel; ++ky)
            for (int64_t kx = 0; kx < b.kernel; ++kx) {
                const int64_t y = oy * a.stride + ky - a.pad, z = ox * b.stride + kx - b.pad;
                if (x.has(y, z)) inside.push_back(x.at(i, y, z, k));
            }
        if (max) return *std::max_element(inside.begin(), inside.end());
        double sum = 0;
        for (double v : inside) sum += v;
        return sum / double(inside.size());
    });
}

/// Pools by the maximum and by the mean; along one axis where `w` is 1.
void check_pooling(const std::string& input, const std::string& keys, int64_t h, int64_t w, Axis a,
                   Axis b) {
    for (const bool max : {true, false}) {
        const std::string kind = w == 1 ? (max ? "max_pooling1d" : "average_pooling1d")
                                        : (max ? "max_pooling2d" : "average_pooling2d");
        const std::string layer = kind + ": {" + keys + "}";
        INFO(layer << " of " << input);
        const LayerModel model(input, {layer});
        check(model, pooled(image_of(model.shape_of("slope"), model.x()), h, w, a, b, max));
    }
}

/// A layer whose result at each position is a function of x.
void check_places(const std::string& input, const std::string& layer, int64_t h, int64_t w,
                  const std::function<double(Image&, int64_t, int64_t, int64_t, int64_t)>& f) {
    INFO(layer << " of " << input);
    const LayerModel model(input, {layer});
    Image x = image_of(model.shape_of("slope"), model.x());
    check(model, Image(x.n, h, w, x.c).fill([&](int64_t i, int64_t y, int64_t z, int64_t k) {
        return f(x, i, y, z, k);
    }));
}

}  // namespace

TEST_CASE("layers: convolutions with groups, dilation and padding") {
    const Axis none{1, 1, 1, 0};
    check_convolution("[5, 4, 4]", "conv2d", "filters: 6, kernel: 3, groups: 2", 5, 4, {3, 1, 1, 1},
                      {3, 1, 1, 1}, 2);
    check_convolution("[6, 5, 2]", "conv2d",
                      "filters: 2, kernel: [3, 2], dilation: [2, 1], stride: [1, 2]", 6, 3,
                      {3, 1, 2, 2}, {2, 2, 1, 0}, 1);
    check_convolution("[6, 5, 2]", "conv2d",
                      "filters: 2, kernel: 2, dilation: 3, padding: valid, groups: 2", 3, 2,
                      {2, 1, 3, 0}, {2, 1, 3, 0}, 2);
    check_convolution("[7, 3]", "conv1d", "filters: 3, kernel: 3, groups: 3", 7, 1, {3, 1, 1, 1},
                      none, 3);
    check_convolution("[7, 2]", "conv1d", "filters: 3, kernel: 3, dilation: 2, padding: causal", 7,
                      1, {3, 1, 2, 4}, none, 1);
    check_convolution("[7, 2]", "conv1d", "filters: 2, kernel: 3, stride: 2, padding: causal", 4, 1,
                      {3, 2, 1, 2}, none, 1);
    check_convolution("[8, 2]", "conv1d", "filters: 3, kernel: 4, stride: 2, padding: valid", 3, 1,
                      {4, 2, 1, 0}, none, 1);
}

TEST_CASE("layers: transposed convolutions with groups, dilation and padding") {
    const Axis none{1, 1, 1, 0};
    check_convolution("[3, 2, 4]", "conv2d_transpose",
                      "filters: 2, kernel: 3, stride: 2, groups: 2", 6, 4, {3, 2, 1, 0},
                      {3, 2, 1, 0}, 2);
    check_convolution(
        "[3, 2, 2]", "conv2d_transpose",
        "filters: 3, kernel: [2, 1], stride: [1, 3], dilation: [2, 1], padding: valid", 5, 4,
        {2, 1, 2, 0}, {1, 3, 1, 0}, 1);
    check_convolution("[3, 3, 1]", "conv2d_transpose", "filters: 2, kernel: 1, stride: 2", 6, 6,
                      {1, 2, 1, 0}, {1, 2, 1, 0}, 1);
    check_convolution("[4, 3]", "conv1d_transpose", "filters: 6, kernel: 5, stride: 2, groups: 3",
                      8, 1, {5, 2, 1, 1}, none, 3);
    check_convolution("[4, 2]", "conv1d_transpose",
                      "filters: 2, kernel: 3, stride: 2, padding: valid, dilation: 2", 11, 1,
                      {3, 2, 2, 0}, none, 1);
}

TEST_CASE("layers: convolutions with weights that other layers give") {
    const Axis none{1, 1, 1, 0};
    const auto check_given = [](const std::string& input, const std::string& weights,
                                const std::string& keys, int64_t filters, int64_t h, int64_t w,
                                Axis a, Axis b, int64_t groups, bool is_transposed) {
        INFO(weights << " upon " << input << ", " << keys);
        const std::string kind = is_transposed ? "convolve_transpose" : "convolve";
        const LayerModel model(input, {"parameter: {shape: " + weights + ", name: w, from: x}",
                                       kind + ": {from: [x, w]" + keys + "}"});
        const Image x = image_of(model.shape_of("slope"), model.x());
        check(model, (is_transposed ? transposed : convolution)(
                         x, model.parameter("net.w.value"),
                         std::vector<double>(size_t(filters), 0.0), h, w, a, b, groups));
    };
    check_given("[4, 5, 4]", "[3, 2, -1, 2]", "", 2, 4, 5, {3, 1, 1, 1}, {2, 1, 1, 0}, 1, false);
    check_given("[6, 5, 4]", "[3, 2, 2, 2]",
                ", stride: [1, 2], dilation: [2, 1], groups: 2, padding: valid", 2, 2, 2,
                {3, 1, 2, 0}, {2, 2, 1, 0}, 2, false);
    check_given("[7, 2]", "[3, -1, 4]", ", stride: 2", 4, 4, 1, {3, 2, 1, 1}, none, 1, false);
    check_given("[3, 2, 4]", "[3, 3, 1, -1]", ", stride: 2, groups: 2", 2, 6, 4, {3, 2, 1, 0},
                {3, 2, 1, 0}, 2, true);
    check_given("[4, 2]", "[3, 2, 2]", ", stride: 2, padding: valid, dilation: [2]", 2, 11, 1,
                {3, 2, 2, 0}, none, 1, true);
}

TEST_CASE("layers: blocks of positions as channels, and back") {
    const LayerModel wide("[2, 3, 12]", {"depth_to_space: [3, 2]"});
    Image x = image_of(wide.shape_of("slope"), wide.x());
    check(wide, Image(2, 6, 6, 2).fill([&](int64_t i, int64_t y, int64_t z, int64_t k) {
        return x.at(i, y / 3, z / 2, (y % 3 * 2 + z % 2) * 2 + k);
    }));
    const LayerModel deep("[4, 6, 2]", {"space_to_depth: [2, 3]"});
    x = image_of(deep.shape_of("slope"), deep.x());
    check(deep, Image(2, 2, 2, 12).fill([&](int64_t i, int64_t y, int64_t z, int64_t k) {
        return x.at(i, 2 * y + k / 6, 3 * z + k / 2 % 3, k % 2);
    }));
}

TEST_CASE("layers: pooling whose windows tile, overlap, leave gaps and reach over the border") {
    const Axis none{1, 1, 1, 0};
    check_pooling("[4, 6, 2]", "pool: [2, 3]", 2, 2, {2, 2, 1, 0}, {3, 3, 1, 0});
    check_pooling("[5, 4, 2]", "pool: 2", 2, 2, {2, 2, 1, 0}, {2, 2, 1, 0});
    check_pooling("[5, 4, 1]", "pool: 3, stride: 1", 3, 2, {3, 1, 1, 0}, {3, 1, 1, 0});
    check_pooling("[5, 4, 2]", "pool: 3, stride: 2, padding: same", 3, 2, {3, 2, 1, 1},
                  {3, 2, 1, 0});
    check_pooling("[5, 5, 1]", "pool: [2, 1], stride: [1, 2], padding: same", 5, 3, {2, 1, 1, 0},
                  {1, 2, 1, 0});
    check_pooling("[9, 2]", "pool: 3", 3, 1, {3, 3, 1, 0}, none);
    check_pooling("[8, 2]", "pool: 4, stride: 3, padding: same", 3, 1, {4, 3, 1, 1}, none);
}

TEST_CASE("layers: global pooling") {
    for (const bool max : {true, false}) {
        const LayerModel model("[3, 4, 2]",
                               {max ? "global_max_pooling" : "global_average_pooling"});
        const Image x = image_of(model.shape_of("slope"), model.x());
        check(model, pooled(x, 1, 1, {3, 1, 1, 0}, {4, 1, 1, 0}, max));
    }
}

TEST_CASE("layers: up-sampling") {
    check_places("[2, 3, 2]", "up_sampling2d: [3, 2]", 6, 6,
                 [](Image& x, int64_t i, int64_t y, int64_t z, int64_t k) {
                     return x.at(i, y / 3, z / 2, k);
                 });
    check_places(
        "[3, 2]", "up_sampling1d: 4", 12, 1,
        [](Image& x, int64_t i, int64_t y, int64_t z, int64_t k) { return x.at(i, y / 4, z, k); });
    for (const auto& [sy, sx] : {std::pair<int64_t, int64_t>{2, 3}, {4, 1}, {1, 5}}) {
        const auto f = [sy = sy, sx = sx](Image& x, int64_t i, int64_t y, int64_t z, int64_t k) {
            // The position in x, its two neighbours on each axis, and the nearest ones for
            // positions outside.
            const double py = (double(y) + 0.5) / double(sy) - 0.5,
                         px = (double(z) + 0.5) / double(sx) - 0.5;
            const double ty = py - std::floor(py), tx = px - std::floor(px);
            const auto value = [&](double r, double c) {
                return x.at(i, std::clamp<int64_t>(int64_t(r), 0, x.h - 1),
                            std::clamp<int64_t>(int64_t(c), 0, x.w - 1), k);
            };
            const double top = (1 - tx) * value(std::floor(py), std::floor(px)) +
                               tx * value(std::floor(py), std::floor(px) + 1);
            const double bottom = (1 - tx) * value(std::floor(py) + 1, std::floor(px)) +
                                  tx * value(std::floor(py) + 1, std::floor(px) + 1);
            return (1 - ty) * top + ty * bottom;
        };
        const std::string size = "[" + std::to_string(sy) + ", " + std::to_string(sx) + "]";
        check_places("[3, 2, 2]", "up_sampling2d: {interpolation: bilinear, size: " + size + "}",
                     3 * sy, 2 * sx, f);
        check_places("[1, 4, 1]", "up_sampling2d: {interpolation: bilinear, size: " + size + "}",
                     sy, 4 * sx, f);
    }
}

TEST_CASE("layers: borders put on and taken off") {
    check_places("[3, 2, 2]", "pad: {height: [0, 2], width: 1}", 5, 4,
                 [](Image& x, int64_t i, int64_t y, int64_t z, int64_t k) {
                     return x.has(y, z - 1) ? x.at(i, y, z - 1, k) : 0;
                 });
    check_places("[3, 2, 2]", "pad: {size: 2, mode: edge}", 7, 6,
                 [](Image& x, int64_t i, int64_t y, int64_t z, int64_t k) {
                     return x.at(i, std::clamp<int64_t>(y - 2, 0, 2),
                                 std::clamp<int64_t>(z - 2, 0, 1), k);
                 });
    const auto mirrored = [](int64_t at, int64_t size) {
        return at < 0 ? -at : at >= size ? 2 * (size - 1) - at : at;
    };
    check_places("[3, 4, 1]", "pad: {height: [2, 1], width: [1, 3], mode: reflect}", 6, 8,
                 [&](Image& x, int64_t i, int64_t y, int64_t z, int64_t k) {
                     return x.at(i, mirrored(y - 2, 3), mirrored(z - 1, 4), k);
                 });
    check_places("[5, 2]", "pad: {length: [1, 4], mode: reflect}", 10, 1,
                 [&](Image& x, int64_t i, int64_t y, int64_t z, int64_t k) {
                     return x.at(i, mirrored(y - 1, 5), z, k);
                 });
    check_places(
        "[5, 4, 2]", "crop: {size: 1, height: [0, 3]}", 2, 2,
        [](Image& x, int64_t i, int64_t y, int64_t z, int64_t k) { return x.at(i, y, z + 1, k); });
    check_places(
        "[5, 2]", "crop: {length: [2, 1]}", 2, 1,
        [](Image& x, int64_t i, int64_t y, int64_t z, int64_t k) { return x.at(i, y + 2, z, k); });
}
