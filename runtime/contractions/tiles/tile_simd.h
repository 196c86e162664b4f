// Register tiles, the inner loops of our own convolutions and matrix products. Each runs on one
// thread, on the widest vectors of this machine. A tile is a block of the result that is computed
// at once: up to six rows and 64 columns, which are 24 registers of 16 floats. They stay in
// registers during a long sum, so that each element of the result is written once.
//
// A tile of pairs reads bf16, two numbers to a float-sized element. Where the formulas below
// multiply two floats, it adds the product of the lower and that of the upper halves. Sums are
// floats in both cases.
#pragma once

#include <cstdint>

namespace gmc::runtime {

inline constexpr int kTileRows = 6;
inline constexpr int64_t kTileColumns = 64;
/// Floats in the widest vector. The number of columns has to be a multiple of it where vectors are
/// shorter than this (no masked loads), and for tiles of pairs.
inline constexpr int64_t kTileVector = 16;

/// A point of x and a point of y that a tap connects: offsets in elements, from the beginning of
/// the first image that a tile goes through.
struct PointPair {
    int32_t x, y;
};

/// A tile of a weight gradient: for each row r and each j < columns
///    out[r out_stride + j] (+)= sum of x[x_offsets[r] + point.x] y[point.y + j] over points
struct GradientTile {
    const float* x;
    const float* y;
    float* out;
    const PointPair* points;
    int64_t point_count, out_stride;
    const int64_t* x_offsets;
    /// 1 to kTileRows.
    int rows;
    /// At most kTileColumns; see kTileVector.
    int64_t columns;
    /// Adds to what `out` holds instead of replacing it.
    bool add;
    /// `x` and `y` are pairs of bf16.
    bool pairs;
};
void run_gradient_tile(const GradientTile& tile);

/// One tap of a point of the result: where the point that it reads begins, in elements from the
/// start of an image, and the tap's number.
struct PointTap {
    int64_t from, tap;
};

/// What is read after some tiles: `rows` rows of `floats` numbers, which begin `stride` apart.
struct Ahead {
    const float* at = nullptr;
    int64_t rows = 0, floats = 0, stride = 0;
};

/// Tiles of a convolution, forward or backward, at one point of the result; their rows are images.
/// With one tap they are some columns of a matrix product. For each row r and each j < columns
///    to[r to_stride + j] (+)= sum of
///        from[r from_stride + tap.from + k from_step] *
///        weights[tap.tap tap_stride + k weights_stride + j]
///    over taps and over k < depth
struct PointTiles {
    const float* from;
    const float* weights;
    float* to;
    const PointTap* taps;
    int64_t tap_count, depth, from_stride, tap_stride, weights_stride, to_stride;
    /// Any number; kTileRows are a tile.
    int64_t rows;
    /// At most kTileColumns; see kTileVector.
    int64_t columns;
    /// Adds to what `to` holds instead of replacing it.
    bool add;
    /// `from` and `weights` are pairs of bf16.
    bool pairs;
    bool to_bf16;  ///< `to` is bf16; not together with `add`
    int64_t from_step = 1;
    /// From the first row of a tile to that of the next one; 0: kTileRows from_stride.
    int64_t from_group = 0;
    /// Is fetched into the second-level cache while the tiles are computed.
    Ahead ahead = {};
};
void run_point_tiles(const PointTiles& tile);

/// A tile of a product of rows with rows: for each row r and each j < columns
///    to[r to_stride + j] = sum of a[r a_stride + k] b[j b_stride + k] over k < depth
struct DotTile {
    const float* a;
    const float* b;
    float* to;
    /// The same restriction holds for `depth` as for columns above, see kTileVector.
    int64_t depth, a_stride, b_stride, to_stride;
    /// 1 to kTileRows.
    int rows;
    /// 1 to kDotColumns.
    int columns;
};
inline constexpr int kDotColumns = 4;
void run_dot_tile(const DotTile& tile);

}  // namespace gmc::runtime
