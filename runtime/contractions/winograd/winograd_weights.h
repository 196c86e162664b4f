// The weights of Winograd's convolutions: from where the model has them to values at points.
#pragma once

#include <cstdint>

#include "runtime/contractions/plain_contraction.h"
#include "runtime/contractions/winograd/winograd_plan.h"

namespace gmc::runtime {

/// `loops` and `data`, the weights [height, width, channels, filters], are the caller's and outlive
/// it. Forward, a matrix of a tap is [channels, filters]; of data gradients its transpose.
class WinogradWeights {
  public:
    WinogradWeights(const ConvLoops& loops, bool forward, const float* data)
        : l_(loops), forward_(forward), data_(data) {}

    /// Some rows and columns of a matrix [from channels, to channels]. The columns are whole
    /// panels, or reach to the last one.
    struct Block {
        int64_t row, rows, column, columns;
        int64_t count() const { return rows * columns; }
    };
    /// Evaluates a block of the weights of a term at the points of tiles of `tile`: the value at
    /// the first point goes to `to`, in panels, those of the others `stride` floats behind each
    /// other. `memory` has room for the block of each tap.
    void transform(const WinogradTerm& term, WinogradSize tile, const Block& block, float* memory,
                   float* to, int64_t stride) const;

  private:
    void gather(int64_t tap, const Block& block, float* to) const;

    const ConvLoops& l_;
    bool forward_;
    const float* data_;
};

}  // namespace gmc::runtime
