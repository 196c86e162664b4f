// The transforms of Winograd's convolution F(2x2, 3x3), each for one thread on the widest vectors
// of this machine: rows of tiles, a tile being 2 x 2 results, which need a patch of 4 x 4 inputs.
#pragma once

#include <cstdint>

namespace gmc::runtime {

/// Channels are a multiple of this, the floats of the widest vector.
inline constexpr int64_t kWinogradVector = 16;

/// An image [height, width, channels].
struct WinogradImage {
    float* data;
    int64_t height, width, channels;
};

/// Patches to frequencies: for tile t and frequency (i, j), with d the patch whose first input is
/// (row, column + 2 t), zero outside of the image,
///   to[(4 i + j) frequency_stride + t channels + c] = (B^T d B)[i, j] of channel c
struct WinogradInput {
    WinogradImage from;
    int64_t row, column;  ///< may lie outside
    int64_t tiles;
    const float* zeros;  ///< from.channels of them
    float* to;
    int64_t frequency_stride;
};
void run_winograd_input(const WinogradInput& input);

/// Frequencies to results: A^T m A, the inverse way, for what lies within the image; results (row,
/// column + 2 t) and their neighbours.
struct WinogradOutput {
    const float* from;
    int64_t frequency_stride;
    int64_t row, column;  ///< within
    int64_t tiles;
    WinogradImage to;
};
void run_winograd_output(const WinogradOutput& output);

}  // namespace gmc::runtime
