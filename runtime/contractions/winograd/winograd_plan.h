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

/// The floats from one point's matrix to the next. Without the cache line between them, what a
/// transform writes at once (one row of each matrix) would fall into one set of the cache.
inline int64_t point_stride(int64_t rows, int64_t columns) { return rows * columns + 16; }

/// Numbers along the two axes, such as the size of a tile.
struct WinogradSize {
    int64_t rows, columns;
    int64_t area() const { return rows * columns; }
};

/// A term of both axes.
struct WinogradTerm {
    const AxisTerm* row;
    const AxisTerm* column;
    /// Its points are numbered from here on, among those of all terms with the largest tiles.
    int64_t first_point;
};

/// A phase of both axes, with the terms of both.
struct WinogradPhase {
    const AxisPhase* row;
    const AxisPhase* column;
    std::vector<WinogradTerm> terms;
};

/// Where a tile begins, on the lattice of all phases.
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
    /// The points of all terms.
    int64_t points = 0;

    /// Whether a convolution has at most two axes, no groups, and channels that are whole vectors.
    static bool fits(const ConvProblem& problem);
    /// Whether no term needs more than `most_points` along an axis, some term needs as many (else
    /// fewer points give the same form), and the products are few enough to pay for the transforms.
    bool is_worthwhile(int64_t most_points) const;
    WinogradSize largest_tile() const { return {rows.largest_tile(), columns.largest_tile()}; }
    /// The points of a term with tiles of this size.
    static WinogradSize points_of_term(const WinogradTerm& term, WinogradSize tile);
    /// ... of the term with the most of them, along each axis.
    static WinogradSize points_of_phase(const WinogradPhase& phase, WinogradSize tile);
    /// The points of all terms of a phase.
    static int64_t points_of_terms(const WinogradPhase& phase, WinogradSize tile);
    /// The number of a term's point (i, j) among the points of all terms.
    int64_t point(const WinogradTerm& term, int64_t i, int64_t j) const;

    /// Where the patch that a term reads lies: pointers to `size` points, row by row; `outside`
    /// where they are in the padding.
    void find_patch(const WinogradImage& from, const WinogradTerm& term, const WinogradPlace& place,
                    WinogradSize size, const float* outside, const float** patch) const;
    /// Where the results of a tile of a phase lie; `outside` where they are beyond the end.
    void find_results(const WinogradImage& to, const WinogradPhase& phase,
                      const WinogradPlace& place, WinogradSize size, float* outside,
                      float** results) const;
};

}  // namespace gmc::runtime
