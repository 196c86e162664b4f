// A convolution over two axes as Winograd's kernels see it: the phases and terms of both axes, and
// the tiles of both, by size. See winograd_axis.h for what phases, terms and tiles are.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/contractions/winograd/toom_cook.h"
#include "runtime/contractions/winograd/winograd_axis.h"

namespace gmc::runtime {

/// The most points of a patch, over both axes.
inline constexpr int kMostPatch = kMostPoints * kMostPoints;

/// The most terms of a phase, over both axes.
inline constexpr int kMostTerms = 64;

/// The values of each point of evaluation form a matrix; this is the distance in floats from one
/// such matrix to the next. A transform writes the same row of all matrices at once. If the
/// distance were a power of two, as rows * columns often is, these rows would compete for one set
/// of the cache; the 16 floats (a cache line) more prevent that.
inline int64_t point_stride(int64_t rows, int64_t columns) { return rows * columns + 16; }

/// Numbers along the two axes, such as the size of a tile.
struct WinogradSize {
    int64_t rows, columns;
    int64_t area() const { return rows * columns; }
};

/// A term of a convolution over two axes: a pair of one term of each axis.
struct WinogradTerm {
    const AxisTerm* row;
    const AxisTerm* column;
    /// The number of its first point, when the points of all terms are counted one term after
    /// another for tiles of the largest size: where its weights lie.
    int64_t first_point;
};

/// A pair of phases of both axes; its terms are all pairs of theirs.
struct WinogradPhase {
    const AxisPhase* row;
    const AxisPhase* column;
    std::vector<WinogradTerm> terms;
};

/// The tile whose first result is j = row of each row phase and j = column of each column phase.
struct WinogradPlace {
    int64_t image, row, column;
};

/// An image in memory.
struct WinogradImage {
    float* data;
    int64_t channels;
};

class WinogradPlan {
  public:
    /// Of a convolution with at most two axes. `forward`: x is read and y written (or, for weight
    /// gradients, read as well), else the other way round.
    WinogradPlan(const ConvLoops& loops, bool forward, int64_t points);
    WinogradPlan(const WinogradPlan&) = delete;
    WinogradPlan& operator=(const WinogradPlan&) = delete;

    const WinogradAxis rows, columns;
    std::vector<WinogradPhase> phases;
    /// How many points all terms have together, for tiles of the largest size.
    int64_t points = 0;

    /// Whether a convolution has at most two axes, no groups, and channels that are whole vectors.
    static bool fits(const ConvProblem& problem);
    /// Whether the form with `most_points` points is worth measuring: it needs no more points than
    /// that, it is not the same as a form with fewer points, it has at most kMostTerms, and it
    /// saves enough products to pay for the transforms.
    bool is_worthwhile(int64_t most_points) const;
    WinogradSize largest_tile() const { return {rows.largest_tile(), columns.largest_tile()}; }
    /// How many points a term has along each axis, for tiles of this size.
    static WinogradSize points_of_term(const WinogradTerm& term, WinogradSize tile);
    /// The same for the longest term of a phase: the points over which its sums extend.
    static WinogradSize points_of_phase(const WinogradPhase& phase, WinogradSize tile);
    /// How many points all terms of a phase have together.
    static int64_t points_of_terms(const WinogradPhase& phase, WinogradSize tile);
    /// The number of a term's point (i, j) among the points of all terms.
    int64_t point(const WinogradTerm& term, int64_t i, int64_t j) const;

    /// Fills `patch` with pointers to the positions of "from" that a term reads for a tile: `size`
    /// of them, row by row. A position in the padding gets `outside`, which points to zeros.
    void find_patch(const WinogradImage& from, const WinogradTerm& term, const WinogradPlace& place,
                    WinogradSize size, const float* outside, const float** patch) const;
    /// Fills `results` with pointers to the positions of "to" that a tile of a phase writes, row by
    /// row. A position beyond the end gets `outside`.
    void find_results(const WinogradImage& to, const WinogradPhase& phase,
                      const WinogradPlace& place, WinogradSize size, float* outside,
                      float** results) const;
};

}  // namespace gmc::runtime
