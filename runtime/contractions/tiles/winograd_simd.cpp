// The transforms of Winograd's convolution, which only add and subtract. Each works on a vector of
// channels at a time. Compiled once per SIMD target; the one for this machine is chosen at run
// time.
#include "runtime/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "runtime/contractions/tiles/winograd_simd.cpp"
#include <hwy/foreach_target.h>
// Highway requires this after foreach_target.h.
#include <hwy/highway.h>

#include "runtime/contractions/tiles/winograd_simd.h"

HWY_BEFORE_NAMESPACE();
namespace gmc::runtime::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kWinogradVector>;
using V = hn::Vec<D>;

/// Four numbers of a row or column of a patch, times B.
HWY_INLINE void times_b(const V& d0, const V& d1, const V& d2, const V& d3, V (&to)[4]) {
    to[0] = hn::Sub(d0, d2);
    to[1] = hn::Add(d1, d2);
    to[2] = hn::Sub(d2, d1);
    to[3] = hn::Sub(d1, d3);
}

/// Four frequencies, times A.
HWY_INLINE void times_a(const V& m0, const V& m1, const V& m2, const V& m3, V (&to)[2]) {
    to[0] = hn::Add(hn::Add(m0, m1), m2);
    to[1] = hn::Sub(hn::Sub(m1, m2), m3);
}

/// For each tile of a row: finds its 16 inputs (zeros outside of the image), multiplies rows and
/// then columns by B.
void InputTarget(const WinogradInput& input) {
    const D d;
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    const WinogradImage& image = input.from;
    const int64_t channels = image.channels;
    for (int64_t tile = 0; tile < input.tiles; ++tile) {
        const float* from[4][4];
        for (int64_t i = 0; i < 4; ++i)
            for (int64_t j = 0; j < 4; ++j) {
                const int64_t h = input.row + i, w = input.column + 2 * tile + j;
                const bool inside = h >= 0 && h < image.height && w >= 0 && w < image.width;
                from[i][j] = inside ? image.data + (h * image.width + w) * channels : input.zeros;
            }
        float* to = input.to + tile * channels;
        for (int64_t c = 0; c < channels; c += lanes) {
            V rows[4][4];
#pragma GCC unroll 4
            for (int i = 0; i < 4; ++i)
                times_b(hn::LoadU(d, from[i][0] + c), hn::LoadU(d, from[i][1] + c),
                        hn::LoadU(d, from[i][2] + c), hn::LoadU(d, from[i][3] + c), rows[i]);
#pragma GCC unroll 4
            for (int j = 0; j < 4; ++j) {
                V column[4];
                times_b(rows[0][j], rows[1][j], rows[2][j], rows[3][j], column);
#pragma GCC unroll 4
                for (int i = 0; i < 4; ++i)
                    hn::StoreU(column[i], d, to + (4 * i + j) * input.frequency_stride + c);
            }
        }
    }
}

/// For each tile of a row: multiplies rows and then columns by A, and stores the results that lie
/// inside the image.
void OutputTarget(const WinogradOutput& output) {
    const D d;
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    const WinogradImage& image = output.to;
    const int64_t channels = image.channels;
    const bool second_row = output.row + 1 < image.height;
    for (int64_t tile = 0; tile < output.tiles; ++tile) {
        const float* from = output.from + tile * channels;
        const int64_t w = output.column + 2 * tile;
        float* to = image.data + (output.row * image.width + w) * channels;
        const bool second_column = w + 1 < image.width;
        for (int64_t c = 0; c < channels; c += lanes) {
            V rows[4][2];
#pragma GCC unroll 4
            for (int i = 0; i < 4; ++i) {
                const float* m = from + 4 * i * output.frequency_stride + c;
                times_a(hn::LoadU(d, m), hn::LoadU(d, m + output.frequency_stride),
                        hn::LoadU(d, m + 2 * output.frequency_stride),
                        hn::LoadU(d, m + 3 * output.frequency_stride), rows[i]);
            }
            V left[2], right[2];
            times_a(rows[0][0], rows[1][0], rows[2][0], rows[3][0], left);
            times_a(rows[0][1], rows[1][1], rows[2][1], rows[3][1], right);
            hn::StoreU(left[0], d, to + c);
            if (second_column) hn::StoreU(right[0], d, to + channels + c);
            if (!second_row) continue;
            float* below = to + image.width * channels + c;
            hn::StoreU(left[1], d, below);
            if (second_column) hn::StoreU(right[1], d, below + channels);
        }
    }
}

}  // namespace gmc::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gmc::runtime {

HWY_EXPORT(InputTarget);
HWY_EXPORT(OutputTarget);

void run_winograd_input(const WinogradInput& input) { HWY_DYNAMIC_DISPATCH(InputTarget)(input); }
void run_winograd_output(const WinogradOutput& output) {
    HWY_DYNAMIC_DISPATCH(OutputTarget)(output);
}

}  // namespace gmc::runtime
#endif
