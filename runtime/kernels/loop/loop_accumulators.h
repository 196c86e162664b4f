// The sums (or maxima) of one reduction while its loop runs: doubles, one array per thread, or one
// for all where each thread has columns of its own. Threads' arrays are combined in the threads'
// order, whoever was first.
#pragma once

#include <vector>

#include <hwy/aligned_allocator.h>

#include "runtime/kernels/loop/loop_plan.h"

namespace gmc::runtime {

/// Columns [begin, end) of the space that belong to one thread.
struct ColumnRange {
    int64_t begin = 0, end = 0;
};

class Accumulators {
  public:
    /// `by_columns`: threads share no column. `reduction` and `space` must outlive this.
    Accumulators(const Reduction& reduction, const LoopSpace& space, int parts, bool by_columns);

    /// For thread `part`, in this order: start() once, take_in() for each of its tiles, stop()
    /// once.
    void start(int part, ColumnRange columns);
    void take_in(int part, const Tile& tile, const float* values);
    void stop(int part, ColumnRange columns);
    /// After all threads have stopped: writes the result.
    void finish();

  private:
    double* of(int part) { return arrays_[shared_ ? 0 : static_cast<size_t>(part)].get(); }

    const Reduction& reduction_;
    int64_t inner_;  ///< LoopSpace::inner
    bool shared_;
    std::vector<hwy::AlignedFreeUniquePtr<double[]>> arrays_;
};

}  // namespace gmc::runtime
