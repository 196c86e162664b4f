// Register tiles, the inner loops of our own convolutions, each for one thread on the widest
// vectors of this machine. A tile is up to six rows times up to 64 columns: 24 registers of 16
// floats that stay in place over a long sum.
//
// A tile of pairs reads bf16, two to an element: where the formulas below multiply two floats, it
// adds the products of both lower and both upper halves. Sums are floats either way.
#pragma once

#include <cstdint>

namespace gmc::runtime {

inline constexpr int kTileRows = 6;
inline constexpr int64_t kTileColumns = 64;
/// Columns are a multiple of this, the floats of the widest vector, where vectors are shorter than
/// that, and of tiles of pairs.
inline constexpr int64_t kTileVector = 16;

/// A point of x and a point of y that some tap connects, in elements from the first of some images.
struct PointPair {
    int32_t x, y;
};

/// A tile of a weight gradient: for each row r
///   out[r out_stride + j] (+)= sum of x[x_offsets[r] + point.x] y[point.y + j]
/// over points, for j below columns.
struct GradientTile {
    const float* x;
    const float* y;
    float* out;
    const PointPair* points;
    int64_t point_count, out_stride;
    const int64_t* x_offsets;
    int rows;         ///< 1 to kTileRows
    int64_t columns;  ///< at most kTileColumns; see kTileVector
    bool add;         ///< to what `out` holds, instead of replacing it
    bool pairs;       ///< x and y are pairs of bf16
};
void run_gradient_tile(const GradientTile& tile);

/// One tap of a point of the result: where the point that it reads begins, in elements from an
/// image's first.
struct TapStep {
    int64_t from, tap;
};

/// A tile of a convolution, forward or backward, at one point of the result, rows being images: for
/// each row r
///   to[r to_stride + j] (+)= sum of
///       from[r from_stride + step.from + k] weights[step.tap tap_stride + k weights_stride + j]
/// over steps and k below depth, for j below columns.
struct PointTile {
    const float* from;
    const float* weights;
    float* to;
    const TapStep* steps;
    int64_t step_count, depth, from_stride, tap_stride, weights_stride, to_stride;
    int rows;         ///< 1 to kTileRows
    int64_t columns;  ///< at most kTileColumns; see kTileVector
    bool add;         ///< to what `to` holds, instead of replacing it
    bool pairs;       ///< `from` and `weights` are pairs of bf16
    bool narrow;      ///< `to` is bf16; not with `add`
};
void run_point_tile(const PointTile& tile);

/// A tile of a product of rows with rows: for each row r and j below columns
///   to[r to_stride + j] = sum of a[r a_stride + k] b[j b_stride + k] over k below depth.
struct DotTile {
    const float* a;
    const float* b;
    float* to;
    int64_t depth, a_stride, b_stride, to_stride;  ///< depth as columns above
    int rows;                                      ///< 1 to kTileRows
    int columns;                                   ///< 1 to kDotColumns
};
inline constexpr int kDotColumns = 4;
void run_dot_tile(const DotTile& tile);

}  // namespace gmc::runtime
