// Contractions as plain loops over all cores. They can do every problem and are easy to verify. So
// they are the last candidate (for some groups and dilations oneDNN has only slow reference code),
// and tuning compares the results of other candidates with theirs.
#pragma once

#include <memory>

#include "runtime/contractions/context.h"
#include "runtime/contractions/problem.h"

namespace gmc::runtime {

/// The sizes of a convolution over one to three spatial axes, written as one over three: missing
/// axes come first and have size 1. Our own kernels use it too, so that they need loops for one
/// case only.
struct ConvLoops {
    explicit ConvLoops(const ConvProblem& problem);

    int64_t batch, channels, filters, groups;
    /// Along the three axes.
    int64_t x[3], y[3], kernel[3];
    int64_t strides[3], pads_begin[3], dilations[3];

    int64_t group_channels() const { return channels / groups; }
    int64_t group_filters() const { return filters / groups; }
    int64_t x_points() const { return x[0] * x[1] * x[2]; }
    int64_t y_points() const { return y[0] * y[1] * y[2]; }
    int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
    /// The input that tap `k` of output `o` reads along `axis`; -1 in the padding.
    int64_t input_of(int axis, int64_t o, int64_t k) const {
        const int64_t i = o * strides[axis] - pads_begin[axis] + k * dilations[axis];
        return i < x[axis] ? (i < 0 ? -1 : i) : -1;
    }
    /// The output along `axis` whose tap `k` reads input `i`; -1 when there is none.
    int64_t output_of(int axis, int64_t i, int64_t k) const {
        const int64_t at = i + pads_begin[axis] - k * dilations[axis];
        if (at < 0 || at % strides[axis] != 0) return -1;
        const int64_t o = at / strides[axis];
        return o < y[axis] ? o : -1;
    }
};

std::unique_ptr<Kernel> make_plain_conv(const ConvProblem& problem, ContractionContext& context);
std::unique_ptr<Kernel> make_plain_matmul(const MatmulProblem& problem,
                                          ContractionContext& context);

}  // namespace gmc::runtime
