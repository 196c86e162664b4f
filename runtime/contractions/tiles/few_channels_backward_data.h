// Data gradients of convolutions whose input has few channels: in the first layer of a
// discriminator, and in the last of a generator, whose transposed convolution is such a gradient.
// oneDNN uses one SIMD lane per channel there and leaves most lanes idle. This kernel computes the
// products for all taps at once by one matrix product, which fills the lanes, and then sums over
// taps.
#pragma once

#include <memory>

#include "runtime/contractions/context.h"
#include "runtime/contractions/problem.h"

namespace gmc::runtime {

/// Null for groups, and for a dilation of the last axis.
std::unique_ptr<Kernel> make_few_channels_backward_data(const ConvProblem& problem,
                                                        ContractionContext& context);

/// True where this is expected to be faster than oneDNN.
bool prefers_few_channels(const ConvProblem& problem);

}  // namespace gmc::runtime
