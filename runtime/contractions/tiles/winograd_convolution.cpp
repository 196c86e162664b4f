// Winograd's convolution. "From" is the tensor that is read (x, or y when backwards), "to" the one
// that is written. A unit of work is some rows of tiles of an image: their patches are transformed
// to 16 frequencies, each frequency is a matrix product over channels, and the products are
// transformed back. A unit stays in the second-level cache.
//   patches [tiles, C] per frequency   x   weights [C, F] per frequency   ->   products [tiles, F]
#include "runtime/contractions/tiles/winograd_convolution.h"

#include <algorithm>

#include "runtime/contractions/plain_contraction.h"
#include "runtime/contractions/tiles/few_channels_simd.h"
#include "runtime/contractions/tiles/winograd_simd.h"
#include "runtime/threads/team.h"
#include "runtime/threads/thread_count.h"

namespace gmc::runtime {
namespace {

constexpr int64_t kFrequencies = 16;
/// Bytes of the frequencies of both sides of a unit: half of a second-level cache of 1 MB.
constexpr int64_t kUnitBytes = 512 << 10;

class WinogradConv final : public Kernel {
  public:
    WinogradConv(const ConvProblem& p, ContractionContext& context);
    void run(const CallContext&) override;

  private:
    int64_t weight_floats() const { return kFrequencies * from_.channels * to_.channels; }
    int64_t thread_floats() const {
        return kFrequencies * unit_rows_ * tile_columns_ * (from_.channels + to_.channels);
    }
    void transform_weights(float* to) const;
    void run_unit(int64_t unit, const float* weights, float* memory) const;

    bool forward_;
    ConvLoops l_;
    /// Of the first example.
    WinogradImage from_, to_;
    const float* weights_;
    Arena& arena_;
    int threads_;
    int64_t pad_rows_, pad_columns_;
    /// Of an image.
    int64_t tile_rows_, tile_columns_;
    /// Rows of tiles.
    int64_t unit_rows_;
    /// Per image.
    int64_t units_;
    std::vector<float> zeros_;
};

WinogradConv::WinogradConv(const ConvProblem& p, ContractionContext& context)
    : forward_(p.direction == ConvProblem::Direction::kForward),
      l_(p),
      weights_(p.weights_data),
      arena_(context.arena()),
      threads_(thread_count()) {
    const WinogradImage x{p.x_data, l_.x[1], l_.x[2], l_.channels};
    const WinogradImage y{p.y_data, l_.y[1], l_.y[2], l_.filters};
    from_ = forward_ ? x : y, to_ = forward_ ? y : x;
    // The gradient with respect to x is the convolution of y with the kernel rotated by 180
    // degrees.
    pad_rows_ = forward_ ? l_.pads_begin[1] : 2 - l_.pads_begin[1];
    pad_columns_ = forward_ ? l_.pads_begin[2] : 2 - l_.pads_begin[2];
    tile_rows_ = (to_.height + 1) / 2, tile_columns_ = (to_.width + 1) / 2;
    const int64_t row_bytes = 4 * kFrequencies * tile_columns_ * (from_.channels + to_.channels);
    unit_rows_ = std::clamp<int64_t>(kUnitBytes / row_bytes, 1, tile_rows_);
    units_ = (tile_rows_ + unit_rows_ - 1) / unit_rows_;
    zeros_.assign(static_cast<size_t>(from_.channels), 0.0f);
    arena_.reserve_scratch(4 * (weight_floats() + threads_ * thread_floats()));
}

/// to[frequency][from channels][to channels] = G g G^T of the weights [3][3][C][F], whose kernel is
/// rotated when backwards.
void WinogradConv::transform_weights(float* to) const {
    const int64_t from_stride = forward_ ? l_.filters : 1, to_stride = forward_ ? 1 : l_.filters;
    const int64_t tap_stride = l_.channels * l_.filters;
    const auto times_g = [](const float* g, float* out) {
        out[0] = g[0], out[3] = g[2];
        out[1] = (g[0] + g[2] + g[1]) / 2, out[2] = (g[0] + g[2] - g[1]) / 2;
    };
    const auto transform = [&](int64_t k) {
        for (int64_t j = 0; j < to_.channels; ++j) {
            const float* w = weights_ + k * from_stride + j * to_stride;
            float rows[3][4], column[3], out[4];
            for (int i = 0; i < 3; ++i) {
                const int64_t taps = forward_ ? 3 * i : 8 - 3 * i, step = forward_ ? 1 : -1;
                const float row[3] = {w[taps * tap_stride], w[(taps + step) * tap_stride],
                                      w[(taps + 2 * step) * tap_stride]};
                times_g(row, rows[i]);
            }
            for (int c = 0; c < 4; ++c) {
                for (int i = 0; i < 3; ++i) column[i] = rows[i][c];
                times_g(column, out);
                for (int i = 0; i < 4; ++i)
                    to[((4 * i + c) * from_.channels + k) * to_.channels + j] = out[i];
            }
        }
    };
    run_units(from_.channels, threads_, [&](int64_t k, int) { transform(k); });
}

/// Transforms the patches of a unit, multiplies, and transforms back.
void WinogradConv::run_unit(int64_t unit, const float* weights, float* memory) const {
    const int64_t example = unit / units_, first = unit % units_ * unit_rows_;
    const int64_t rows = std::min(unit_rows_, tile_rows_ - first), tiles = rows * tile_columns_;
    WinogradImage from = from_, to = to_;
    from.data += example * from.height * from.width * from.channels;
    to.data += example * to.height * to.width * to.channels;
    float* patches = memory;
    float* products = memory + kFrequencies * tiles * from.channels;
    for (int64_t r = 0; r < rows; ++r)
        run_winograd_input({from, 2 * (first + r) - pad_rows_, -pad_columns_, tile_columns_,
                            zeros_.data(), patches + r * tile_columns_ * from.channels,
                            tiles * from.channels});
    for (int64_t f = 0; f < kFrequencies; ++f)
        run_panel_product({patches + f * tiles * from.channels,
                           weights + f * from.channels * to.channels,
                           products + f * tiles * to.channels, tiles, from.channels, to.channels});
    for (int64_t r = 0; r < rows; ++r)
        run_winograd_output({products + r * tile_columns_ * to.channels, tiles * to.channels,
                             2 * (first + r), 0, tile_columns_, to});
}

void WinogradConv::run(const CallContext&) {
    auto* weights = reinterpret_cast<float*>(arena_.scratch());
    transform_weights(weights);
    run_units(l_.batch * units_, threads_, [&](int64_t unit, int worker) {
        run_unit(unit, weights, weights + weight_floats() + worker * thread_floats());
    });
}

bool all_are(const std::vector<int64_t>& numbers, int64_t number) {
    return std::all_of(numbers.begin(), numbers.end(), [=](int64_t n) { return n == number; });
}

}  // namespace

std::unique_ptr<Kernel> make_winograd_conv(const ConvProblem& p, ContractionContext& context) {
    if (p.direction == ConvProblem::Direction::kBackwardWeights || p.spatial() != 2 ||
        p.window.groups != 1 || !all_are(p.window.strides, 1) || !all_are(p.window.dilations, 1) ||
        p.weights[0] != 3 || p.weights[1] != 3 || p.channels() % kWinogradVector != 0 ||
        p.filters() % kWinogradVector != 0)
        return nullptr;
    return std::make_unique<WinogradConv>(p, context);
}

}  // namespace gmc::runtime
