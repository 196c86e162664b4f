// Layers over three axes against plain loops over [N, D, H, W, C].
#include <algorithm>
#include <array>
#include <functional>

#include "tests/catch.h"
#include "tests/numeric/layer/layer_model.h"

using namespace gmc;         // NOLINT: tests
using namespace gmc::tests;  // NOLINT

namespace {

using Place = std::array<int64_t, 3>;  ///< depth, height, width

/// What belongs to each axis of a convolution; `pad` stands in front.
struct Windows {
    Place kernel, stride, dilation, pad;
};

/// Calls use(place) for every place of a box.
template <typename Use>
void for_each(const Place& size, const Use& use) {
    for (int64_t d = 0; d < size[0]; ++d)
        for (int64_t h = 0; h < size[1]; ++h)
            for (int64_t w = 0; w < size[2]; ++w) use(Place{d, h, w});
}

int64_t position(const Place& at, const Place& size) {
    return (at[0] * size[1] + at[1]) * size[2] + at[2];
}

/// For every place of the smaller tensor, whose window begins at stride * place - pad of the larger
/// one: calls use(far, near, tap) for each tap that lies within it, with the positions of the
/// larger tensor, the smaller one and the kernel.
template <typename Use>
void for_each_pair(const Windows& w, const Place& many, const Place& few, const Use& use) {
    for_each(few, [&](const Place& near) {
        for_each(w.kernel, [&](const Place& tap) {
            Place far{};
            for (size_t i = 0; i < 3; ++i) {
                far[i] = near[i] * w.stride[i] + tap[i] * w.dilation[i] - w.pad[i];
                if (far[i] < 0 || far[i] >= many[i]) return;
            }
            use(position(far, many), position(near, few), position(tap, w.kernel));
        });
    });
}

/// Checks the result, the derivatives and the fast path of a model.
void check_all(const LayerModel& model, const std::vector<double>& y) {
    CHECK(difference("apply", model.run("apply"), y, kRewrite) == "");
    CHECK(model.check_gradients() == "");
    CHECK(model.check_fast_path() == "");
}

/// Checks a layer of x [2, size, channels] that makes [2, result, filters].
void check_volume(const std::string& input, const std::string& kind, const std::string& keys,
                  const Place& size, const Place& result, const Windows& windows, int64_t groups) {
    INFO(kind << ": {" << keys << "} of " << input);
    const LayerModel model(input, {kind + ": {bias_initializer: normal, " + keys + "}"});
    const std::vector<double>&x = model.x(), &bias = model.parameter("net." + kind + ".bias"),
          &weights = model.parameter("net." + kind + ".weight");
    const auto filters = int64_t(bias.size()), channels = model.shape_of("slope").back();
    const bool is_transposed = kind == "conv3d_transpose";
    const int64_t places = size[0] * size[1] * size[2], made = result[0] * result[1] * result[2];
    const int64_t outer = is_transposed ? channels : filters,
                  each = (is_transposed ? filters : channels) / groups, per = outer / groups;
    std::vector<double> y;
    for (int64_t i = 0; i < 2 * made; ++i) y.insert(y.end(), bias.begin(), bias.end());
    const Place &many = is_transposed ? result : size, &few = is_transposed ? size : result;
    for (int64_t n = 0; n < 2; ++n)
        for_each_pair(windows, many, few, [&](int64_t far, int64_t near, int64_t tap) {
            for (int64_t k = 0; k < each; ++k)
                for (int64_t f = 0; f < outer; ++f) {
                    const double w = weights[size_t((tap * each + k) * outer + f)];
                    const int64_t inner = f / per * each + k;
                    const int64_t from = is_transposed ? (n * places + near) * channels + f
                                                       : (n * places + far) * channels + inner;
                    const int64_t to = is_transposed ? (n * made + far) * filters + inner
                                                     : (n * made + near) * filters + f;
                    y[size_t(to)] += x[size_t(from)] * w;
                }
        });
    check_all(model, y);
}

/// Pools x [2, size, 2] by the maximum and by the mean of what lies within.
void check_pooling(const std::string& input, const std::string& keys, const Place& size,
                   const Place& result, const Windows& windows) {
    const int64_t places = size[0] * size[1] * size[2], made = result[0] * result[1] * result[2];
    for (const bool max : {true, false}) {
        const std::string kind = max ? "max_pooling3d" : "average_pooling3d";
        const std::string layer = kind + ": {" + keys + "}";
        INFO(layer << " of " << input);
        const LayerModel model(input, {layer});
        std::vector<double> y(size_t(2 * made * 2), max ? -1e30 : 0.0), count(y.size(), 0.0);
        for (int64_t i = 0; i < 4; ++i)
            for_each_pair(windows, size, result, [&](int64_t far, int64_t near, int64_t) {
                const double value = model.x()[size_t((i / 2 * places + far) * 2 + i % 2)];
                double& at = y[size_t((i / 2 * made + near) * 2 + i % 2)];
                at = max ? std::max(at, value) : at + value;
                ++count[size_t((i / 2 * made + near) * 2 + i % 2)];
            });
        for (size_t i = 0; i < y.size() && !max; ++i) y[i] /= count[i];
        check_all(model, y);
    }
}

/// A layer of x [2, size, 1] whose result at each place is the number of x at `from` of it, or 0
/// outside.
void check_places(const std::string& input, const std::string& layer, const Place& size,
                  const Place& result, const std::function<Place(const Place&)>& from) {
    INFO(layer << " of " << input);
    const LayerModel model(input, {layer});
    std::vector<double> y;
    for (int64_t n = 0; n < 2; ++n)
        for_each(result, [&](const Place& at) {
            const Place far = from(at);
            bool inside = true;
            for (size_t i = 0; i < 3; ++i) inside &= far[i] >= 0 && far[i] < size[i];
            y.push_back(
                inside ? model.x()[size_t(n * size[0] * size[1] * size[2] + position(far, size))]
                       : 0);
        });
    check_all(model, y);
}

}  // namespace

TEST_CASE("layers: pooling of volumes whose windows tile, overlap and reach over the border") {
    check_pooling("[4, 2, 3, 2]", "pool: [2, 1, 3]", {4, 2, 3}, {2, 2, 1},
                  {{2, 1, 3}, {2, 1, 3}, {1, 1, 1}, {0, 0, 0}});
    check_pooling("[5, 3, 4, 2]", "pool: 3, stride: 2, padding: same", {5, 3, 4}, {3, 2, 2},
                  {{3, 3, 3}, {2, 2, 2}, {1, 1, 1}, {1, 1, 0}});
}

TEST_CASE("layers: volumes up-sampled, and borders put on and taken off") {
    check_places("[2, 1, 3, 1]", "up_sampling3d: [1, 3, 2]", {2, 1, 3}, {2, 3, 6},
                 [](const Place& at) {
                     return Place{at[0], at[1] / 3, at[2] / 2};
                 });
    check_places("[2, 1, 3, 1]", "pad: {depth: [0, 2], height: 1}", {2, 1, 3}, {4, 3, 3},
                 [](const Place& at) {
                     return Place{at[0], at[1] - 1, at[2]};
                 });
    check_places(
        "[2, 2, 3, 1]", "pad: {size: 2, mode: edge}", {2, 2, 3}, {6, 6, 7}, [](const Place& at) {
            return Place{std::clamp<int64_t>(at[0] - 2, 0, 1), std::clamp<int64_t>(at[1] - 2, 0, 1),
                         std::clamp<int64_t>(at[2] - 2, 0, 2)};
        });
    check_places("[3, 3, 4, 1]", "crop: {depth: [0, 1], width: 1}", {3, 3, 4}, {2, 3, 2},
                 [](const Place& at) {
                     return Place{at[0], at[1], at[2] + 1};
                 });
}

TEST_CASE("layers: trilinear up-sampling is linear along each axis") {
    const LayerModel model("[1, 1, 2, 1]", {"up_sampling3d: {size: 2, interpolation: trilinear}"});
    std::vector<double> y;
    for (size_t n = 0; n < 2; ++n) {
        const double a = model.x()[2 * n], b = model.x()[2 * n + 1];
        for (int repeated = 0; repeated < 4; ++repeated)
            for (const double t : {0.0, 0.25, 0.75, 1.0}) y.push_back(a + t * (b - a));
    }
    check_all(model, y);
}

TEST_CASE("layers: convolutions of volumes with strides, groups, dilation and padding") {
    check_volume("[3, 4, 2, 2]", "conv3d", "filters: 3, kernel: [2, 3, 1]", {3, 4, 2}, {3, 4, 2},
                 {{2, 3, 1}, {1, 1, 1}, {1, 1, 1}, {0, 1, 0}}, 1);
    check_volume("[4, 3, 3, 2]", "conv3d", "filters: 2, kernel: 3, stride: [2, 1, 2], groups: 2",
                 {4, 3, 3}, {2, 3, 2}, {{3, 3, 3}, {2, 1, 2}, {1, 1, 1}, {0, 1, 1}}, 2);
    check_volume("[3, 5, 3, 1]", "conv3d",
                 "filters: 2, kernel: 2, dilation: [1, 2, 1], padding: valid", {3, 5, 3}, {2, 3, 2},
                 {{2, 2, 2}, {1, 1, 1}, {1, 2, 1}, {0, 0, 0}}, 1);
}

TEST_CASE("layers: transposed convolutions of volumes") {
    check_volume("[2, 2, 1, 2]", "conv3d_transpose", "filters: 3, kernel: 3, stride: 2", {2, 2, 1},
                 {4, 4, 2}, {{3, 3, 3}, {2, 2, 2}, {1, 1, 1}, {0, 0, 0}}, 1);
    check_volume("[2, 2, 2, 2]", "conv3d_transpose",
                 "filters: 2, kernel: [2, 1, 3], stride: [1, 3, 2], padding: valid, groups: 2",
                 {2, 2, 2}, {3, 4, 5}, {{2, 1, 3}, {1, 3, 2}, {1, 1, 1}, {0, 0, 0}}, 2);
}
