// One axis of a convolution, of any kernel, stride, dilation and direction, as sums of convolutions
// of stride 1 (Huang et al. 2020, "DWM: a decomposable Winograd method"). "From" is the tensor that
// is read, "to" the one that is written, forward or backward data.
//
// Points of "to" whose positions agree modulo some step form a phase. A phase is the sum of terms.
// A term reads the points of "from" at some other step, with the taps that meet them:
//   to[to_first + to_step j] = sum of from[from_first + from_step (j + u)] w[taps[u]]
//       over the terms of the phase and u < taps of the term
// A forward convolution of stride s is one phase of s terms; a transposed one is s phases of one
// term; a dilated one is as many phases as its dilation, each of one term.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/contractions/plain_contraction.h"

namespace gmc::runtime {

struct AxisTerm {
    /// May lie outside of "from".
    int64_t from_first;
    std::vector<int64_t> taps;

    int64_t count() const { return static_cast<int64_t>(taps.size()); }
};

struct AxisPhase {
    int64_t to_first;
    std::vector<AxisTerm> terms;

    /// Of the term with the most of them; 1 for a phase that no tap reaches, whose sums are zero.
    int64_t most_taps() const;
};

/// Some neighbouring j of all phases, which are computed together.
struct AxisTile {
    int64_t first, size;
};

/// The points of evaluation of a term with so many taps in a tile.
inline int64_t points_of(int64_t tile_size, int64_t taps) { return tile_size + taps - 1; }

struct WinogradAxis {
    /// With tiles for which no phase needs more than this many points of evaluation.
    WinogradAxis(const ConvLoops& loops, int axis, bool forward, int64_t points);

    int64_t from_size, to_size;
    int64_t from_step, to_step;
    std::vector<AxisPhase> phases;
    /// Their sizes differ by one at most.
    std::vector<AxisTile> tiles;
    /// The different sizes of tiles: one or two.
    std::vector<int64_t> tile_sizes;

    /// Of the term with the most of them.
    int64_t most_taps() const;
    int64_t largest_tile() const { return tile_sizes.back(); }
    /// The most points that a term needs; more than were asked for when there are too many taps.
    int64_t most_points() const { return points_of(largest_tile(), most_taps()); }
    /// The products per channel and filter that the tiles of all phases need, and those that they
    /// need without transforms.
    int64_t products() const;
    int64_t direct_products() const;
};

}  // namespace gmc::runtime
