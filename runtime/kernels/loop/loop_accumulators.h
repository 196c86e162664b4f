// The sums (or maxima) of one reduction while its loop runs: doubles, one array per unit of the
// loop (loop_kernel.cpp), or one for all units where each has columns of its own. The units' arrays
// are combined in the units' order, whichever thread ran them.
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
    /// `by_columns`: units share no column. `reduction` and `space` must outlive this.
    Accumulators(const Reduction& reduction, const LoopSpace& space, size_t units, bool by_columns);

    /// For each unit, in this order: start() once, take_in() for each of its tiles, stop() once.
    void start(size_t unit, ColumnRange columns);
    void take_in(size_t unit, const Tile& tile, const float* values);
    void stop(size_t unit, ColumnRange columns);
    /// After all units have stopped: writes the result.
    void finish();

  private:
    double* of(size_t unit) { return arrays_[shared_ ? 0 : unit].get(); }

    const Reduction& reduction_;
    int64_t inner_;  ///< LoopSpace::inner
    bool shared_;
    std::vector<hwy::AlignedFreeUniquePtr<double[]>> arrays_;
};

}  // namespace gmc::runtime
