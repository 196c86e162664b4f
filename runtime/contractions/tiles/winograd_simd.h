// The transforms of Winograd's convolution F(2x2, 3x3). Each runs on one thread, on the widest
// vectors of this machine, and transforms a row of tiles. A tile here is 2 x 2 results, which are
// computed from a patch of 4 x 4 inputs.
#pragma once

#include <cstdint>

namespace gmc::runtime {

/// Floats in the widest vector; channels are a multiple of it.
inline constexpr int64_t kWinogradVector = 16;

/// An image [height, width, channels].
struct WinogradImage {
    float* data;
    int64_t height, width, channels;
};

/// Transforms patches to frequencies. For tile t and frequency (i, j), where d is the patch that
/// starts at (row, column + 2 t) and is zero outside of the image:
///   to[(4 i + j) frequency_stride + t channels + c] = (B^T d B)[i, j] of channel c
struct WinogradInput {
    WinogradImage from;
    /// May lie outside of the image.
    int64_t row, column;
    int64_t tiles;
    /// As many zeros as from.channels.
    const float* zeros;
    float* to;
    int64_t frequency_stride;
};
void run_winograd_input(const WinogradInput& input);

/// Transforms frequencies m back to results, A^T m A, for tiles that start at (row, column + 2 t).
/// Only results inside the image are written.
struct WinogradOutput {
    const float* from;
    int64_t frequency_stride;
    /// Inside the image.
    int64_t row, column;
    int64_t tiles;
    WinogradImage to;
};
void run_winograd_output(const WinogradOutput& output);

}  // namespace gmc::runtime
