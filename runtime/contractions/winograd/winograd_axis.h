// One axis of a convolution, of any kernel, stride, dilation and direction, as sums of convolutions
// of stride 1 (Huang et al. 2020, "DWM: a decomposable Winograd method"). "From" is the tensor that
// is read, "to" the one that is written, forward or backward data.
//
// Why: Winograd's forms exist for stride 1 only. Taken every s-th position by itself, a convolution
// of stride s consists of convolutions of stride 1.
//
// Positions of "to" that are equal modulo `to_step` form a phase. The results of a phase are sums
// of terms. A term is a convolution of stride 1: of the positions of "from" that are `from_step`
// apart, with those taps of the kernel that fall on them:
//   to[to_first + to_step j] = sum of from[from_first + from_step (j + u)] w[taps[u]]
//       over the terms of the phase and u < taps of the term
// A forward convolution of stride s is one phase of s terms; a transposed one is s phases of one
// term; a dilated one is as many phases as its dilation, each of one term.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/contractions/plain_contraction.h"

namespace gmc::runtime {

/// One convolution of stride 1 within a phase.
struct AxisTerm {
    /// The position of "from" that the first tap reads for j = 0. It may lie in the padding, that
    /// is, be negative or beyond the end.
    int64_t from_first;
    /// Which taps of the kernel it has, in the order in which they meet rising positions.
    std::vector<int64_t> taps;

    int64_t count() const { return static_cast<int64_t>(taps.size()); }
};

/// The results at to_first, to_first + to_step, to_first + 2 to_step, ...
struct AxisPhase {
    int64_t to_first;
    std::vector<AxisTerm> terms;

    /// The number of taps of the longest term; 1 for a phase without terms, whose results are zero.
    int64_t most_taps() const;
};

/// The results j = first .. first + size - 1 of every phase: those that one small transform gives.
struct AxisTile {
    int64_t first, size;
};

/// How many points of evaluation, and so products, a term of so many taps needs for a tile.
inline int64_t points_of(int64_t tile_size, int64_t taps) { return tile_size + taps - 1; }

struct WinogradAxis {
    /// Chooses the largest tiles for which no term needs more than `points` points of evaluation.
    WinogradAxis(const ConvLoops& loops, int axis, bool forward, int64_t points);

    int64_t from_size, to_size;
    int64_t from_step, to_step;
    std::vector<AxisPhase> phases;
    /// They cover all j in order; the sizes differ by one at most.
    std::vector<AxisTile> tiles;
    /// The one or two different sizes of tiles, the smaller one first.
    std::vector<int64_t> tile_sizes;

    /// The number of taps of the longest term of all phases.
    int64_t most_taps() const;
    int64_t largest_tile() const { return tile_sizes.back(); }
    /// The points of the longest term in the largest tile. That is more than was asked for when
    /// even a tile of one result needs more.
    int64_t most_points() const { return points_of(largest_tile(), most_taps()); }
    /// Multiplications per pair of channel and filter, for all results of the axis: with these
    /// tiles, and with direct sums.
    int64_t products() const;
    int64_t direct_products() const;
};

}  // namespace gmc::runtime
