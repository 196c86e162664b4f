// The sums (or maxima) of one reduction while its loop runs, in double. Where the units of the loop
// (loop_kernel.cpp) share results, each has an array for the whole result, and the arrays are
// combined in the units' order, whichever thread ran them. Where each has columns of its own, one
// array serves all. Where the result varies along the outermost axis, a unit has some of its blocks
// for itself, and an array for one block, whose results are written when its last tile is in.
#pragma once

#include <vector>

#include <hwy/aligned_allocator.h>

#include "runtime/kernels/loop/loop_plan.h"

namespace gmc::runtime {

/// Columns [begin, end) of the space that belong to one unit.
struct ColumnRange {
    int64_t begin = 0, end = 0;
};

class Accumulators {
  public:
    /// `by_columns`: units share no column. `block_rows`: rows of a block; a unit has all tiles of
    /// its blocks, in order. 0 = units are not cut at blocks. `reduction` and `space` must outlive
    /// this.
    Accumulators(const Reduction& reduction, const LoopSpace& space, size_t units, bool by_columns,
                 int64_t block_rows);

    /// Begins a run, in this pass of a scan.
    void begin(int64_t pass) { result_ = in_pass(reduction_.result, reduction_.step, pass); }
    /// For each unit, in this order: start() once, take_in() for each of its tiles, stop() once.
    void start(size_t unit, ColumnRange columns);
    void take_in(size_t unit, const Tile& tile, const float* values);
    void stop(size_t unit, ColumnRange columns);
    /// After all units have stopped: writes the result.
    void finish();

  private:
    double* of(size_t unit) { return arrays_[shared_ ? 0 : unit].get(); }
    void take_in_rows(const Tile& tile, const float* values, double* array, int64_t first) const;
    void take_in_block(const Tile& tile, const float* values, double* array) const;

    const Reduction& reduction_;
    const LoopSpace& space_;
    float* result_ = nullptr;
    bool shared_;
    int64_t block_rows_ = 0;      ///< 0 = the arrays are for the whole result
    int64_t block_elements_ = 0;  ///< of the result
    std::vector<hwy::AlignedFreeUniquePtr<double[]>> arrays_;
};

}  // namespace gmc::runtime
