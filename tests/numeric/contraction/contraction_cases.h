// Convolutions and matrix products as problems, their true results in double, and a comparison with
// those. Nothing here uses the runtime's loops: a convolution is one list of products (element of
// x, element of weights, element of y).
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "compiler/ir/builder.h"
#include "runtime/contractions/choice/candidates.h"
#include "runtime/contractions/onednn/processor.h"

namespace gmc::runtime::testing {

using Direction = ConvProblem::Direction;
constexpr Direction kDirections[] = {Direction::kForward, Direction::kBackwardData,
                                     Direction::kBackwardWeights};

/// The sizes of a convolution; all vectors have one entry per spatial axis.
struct ConvCase {
    int64_t batch = 1;
    std::vector<int64_t> size;
    int64_t channels = 1, filters = 1;
    std::vector<int64_t> kernel, strides, pads_begin, pads_end, dilations;
    int64_t groups = 1;

    ir::ConvWindow window() const { return {strides, pads_begin, pads_end, dilations, groups}; }
    ir::Shape x() const { return with(batch, size, channels); }
    ir::Shape weights() const {
        ir::Shape shape = kernel;
        shape.push_back(channels / groups);
        shape.push_back(filters);
        return shape;
    }
    ir::Shape y() const {
        std::vector<int64_t> out;
        for (size_t i = 0; i < size.size(); ++i)
            out.push_back(
                (size[i] + pads_begin[i] + pads_end[i] - dilations[i] * (kernel[i] - 1) - 1) /
                    strides[i] +
                1);
        return with(batch, out, filters);
    }
    std::string text() const {
        return fmt::format("x {} weights {} y {} strides {} pads {} {} dilations {} groups {}",
                           ir::to_string(x()), ir::to_string(weights()), ir::to_string(y()),
                           ir::to_string(strides), ir::to_string(pads_begin),
                           ir::to_string(pads_end), ir::to_string(dilations), groups);
    }

  private:
    static ir::Shape with(int64_t first, const std::vector<int64_t>& middle, int64_t last) {
        ir::Shape shape{first};
        shape.insert(shape.end(), middle.begin(), middle.end());
        shape.push_back(last);
        return shape;
    }
};

/// The same kernel, stride and padding along all axes of `size`.
inline ConvCase square(int64_t batch, std::vector<int64_t> size, int64_t channels, int64_t filters,
                       int64_t kernel, int64_t stride, int64_t pad_begin, int64_t pad_end,
                       int64_t dilation = 1, int64_t groups = 1) {
    const size_t rank = size.size();
    const auto all = [&](int64_t n) { return std::vector<int64_t>(rank, n); };
    return {batch,       std::move(size), channels,     filters,       all(kernel),
            all(stride), all(pad_begin),  all(pad_end), all(dilation), groups};
}

inline int64_t elements(const ir::Shape& shape) { return ir::f32(shape).elements(); }

/// Calls use(xi, wi, yi) for every product x[xi] weights[wi] that, by the definition of conv, is
/// added to y[yi]. Points are the positions of y, taps those of the kernel, both numbered row by
/// row; from the two follows the position of x, or that it lies in the padding.
template <typename Use>
void for_each_product(const ConvCase& c, Use&& use) {
    const ir::Shape y = c.y();
    const size_t rank = c.size.size();
    const int64_t cg = c.channels / c.groups, fg = c.filters / c.groups;
    const int64_t points = elements(y) / c.batch / c.filters, taps = elements(c.kernel);
    for (int64_t n = 0; n < c.batch; ++n)
        for (int64_t point = 0; point < points; ++point)
            for (int64_t tap = 0; tap < taps; ++tap) {
                int64_t rest_point = point, rest_tap = tap, at = 0, step = 1;
                bool inside = true;
                for (size_t i = rank; i-- > 0;) {
                    const int64_t o = rest_point % y[i + 1], k = rest_tap % c.kernel[i];
                    rest_point /= y[i + 1], rest_tap /= c.kernel[i];
                    const int64_t in = o * c.strides[i] + k * c.dilations[i] - c.pads_begin[i];
                    inside = inside && in >= 0 && in < c.size[i];
                    at += in * step, step *= c.size[i];
                }
                if (!inside) continue;
                for (int64_t f = 0; f < c.filters; ++f)
                    for (int64_t j = 0; j < cg; ++j)
                        use((n * step + at) * c.channels + f / fg * cg + j,
                            (tap * cg + j) * c.filters + f, (n * points + point) * c.filters + f);
            }
}

inline std::vector<float> random_floats(int64_t count, unsigned seed) {
    std::mt19937 generator(seed);
    std::normal_distribution<float> normal;
    std::vector<float> values(static_cast<size_t>(count));
    for (float& v : values) v = normal(generator);
    return values;
}

/// The tensors of a case, with room for the result of each direction.
struct ConvData {
    std::vector<float> x, weights, y;
    explicit ConvData(const ConvCase& c, unsigned seed = 1)
        : x(random_floats(elements(c.x()), seed)),
          weights(random_floats(elements(c.weights()), seed + 1)),
          y(random_floats(elements(c.y()), seed + 2)) {}
    std::vector<float>& result(Direction direction) {
        return direction == Direction::kForward        ? y
               : direction == Direction::kBackwardData ? x
                                                       : weights;
    }
};

/// A sum, and the sum of the magnitudes of its terms, which bounds rounding errors.
struct Truth {
    std::vector<double> value, magnitude;
};

/// Whatever the direction, the same products are summed up, only by another index.
inline Truth true_result(const ConvCase& c, Direction direction, const ConvData& d) {
    Truth t;
    const size_t count =
        static_cast<size_t>(elements(direction == Direction::kForward        ? c.y()
                                     : direction == Direction::kBackwardData ? c.x()
                                                                             : c.weights()));
    t.value.assign(count, 0), t.magnitude.assign(count, 0);
    for_each_product(c, [&](int64_t xi, int64_t wi, int64_t yi) {
        const double product = direction == Direction::kForward ? double(d.x[xi]) * d.weights[wi]
                               : direction == Direction::kBackwardData
                                   ? double(d.weights[wi]) * d.y[yi]
                                   : double(d.x[xi]) * d.y[yi];
        const int64_t at = direction == Direction::kForward        ? yi
                           : direction == Direction::kBackwardData ? xi
                                                                   : wi;
        t.value[at] += product, t.magnitude[at] += std::abs(product);
    });
    return t;
}

/// A matrix product, m x k times k x n. When transposed, a is stored as k x m and b as n x k.
struct ProductCase {
    int64_t m, k, n;
    bool transpose_a, transpose_b;
    std::string text() const {
        return fmt::format("{} x {} x {}{}{}", m, k, n, transpose_a ? " a^T" : "",
                           transpose_b ? " b^T" : "");
    }
};

inline Truth true_result(const ProductCase& p, const std::vector<float>& a,
                         const std::vector<float>& b) {
    const auto count = static_cast<size_t>(p.m * p.n);
    Truth t{std::vector<double>(count), std::vector<double>(count)};
    for (int64_t i = 0; i < p.m; ++i)
        for (int64_t j = 0; j < p.n; ++j)
            for (int64_t l = 0; l < p.k; ++l) {
                const double product = double(a[p.transpose_a ? l * p.m + i : i * p.k + l]) *
                                       b[p.transpose_b ? j * p.k + l : l * p.n + j];
                t.value[i * p.n + j] += product, t.magnitude[i * p.n + j] += std::abs(product);
            }
    return t;
}

/// Convolutions over volumes, with few channels on either side and with many.
template <typename Check>
void for_each_volume_case(const Check& check) {
    for (int64_t kernel : {1, 2, 3, 4})
        for (int64_t stride : {1, 2})
            for (int64_t channels : {1, 16}) {
                const int64_t pad = (kernel - 1) / 2;
                check(square(3, {4, 8, 6}, channels, 16, kernel, stride, pad, kernel - 1 - pad));
                check(square(2, {5, 6, 7}, 16, channels, kernel, stride, pad, 0));
            }
}

/// Calls check(case) for products of many shapes, with both matrices plain and transposed.
template <typename Check>
void for_each_product_case(const Check& check) {
    constexpr int64_t kShapes[][3] = {{1, 1, 1},
                                      {4, 100, 256},
                                      {4, 784, 40},
                                      {5, 17, 3},
                                      {16, 16, 16},
                                      {128, 50, 1},
                                      {50, 128, 1},
                                      {128, 1, 50},
                                      {1, 64, 33},
                                      {33, 2, 1},
                                      {3, 700, 5},
                                      {65, 66, 67},
                                      {7, 1, 1},
                                      {1, 9, 1},
                                      {32, 400, 20},
                                      {20, 33, 100},
                                      {37, 20, 400},
                                      {9, 6272, 1},
                                      {2500, 37, 1},
                                      {1, 30, 2500},
                                      {700, 1, 90},
                                      // Sums in several blocks, and several blocks of rows.
                                      {20, 1100, 48},
                                      {40, 2100, 80},
                                      {70, 300, 1100}};
    for (const auto& [m, k, n] : kShapes)
        for (bool transpose_a : {false, true})
            for (bool transpose_b : {false, true})
                check(ProductCase{m, k, n, transpose_a, transpose_b});
}

/// The largest |got - true| / (sum of magnitudes); 1e-6 is a few roundings. Huge for NaN.
inline double worst_error(const Truth& truth, const float* got) {
    double worst = 0;
    for (size_t i = 0; i < truth.value.size(); ++i) {
        const double error = std::abs(got[i] - truth.value[i]) / (truth.magnitude[i] + 1e-30);
        worst =
            std::isfinite(got[i]) ? std::max(worst, got[i] == truth.value[i] ? 0 : error) : 1e30;
    }
    return worst;
}

inline ConvProblem problem_of(const ConvCase& c, Direction direction, ConvData& d) {
    ConvProblem p;
    p.direction = direction, p.window = c.window();
    p.x = c.x(), p.weights = c.weights(), p.y = c.y();
    p.x_data = d.x.data(), p.weights_data = d.weights.data(), p.y_data = d.y.data();
    p.where = c.text();
    if (direction != Direction::kBackwardWeights) p.weights_value = 0;
    return p;
}

/// Fills scratch memory with NaN: kernels must not read what they have not written.
inline void spoil_scratch(Arena& arena) {
    if (arena.scratch_bytes() > 0)
        std::memset(arena.scratch(), 0xFF, static_cast<size_t>(arena.scratch_bytes()));
}

inline Arena empty_arena() { return Arena(ir::Module{}); }

}  // namespace gmc::runtime::testing
