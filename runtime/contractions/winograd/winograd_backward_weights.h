// Gradients of convolutions with respect to their weights, with fewer products. The gradient of r
// taps from a tile of m results is the convolution of winograd_convolution with results and taps
// exchanged (toom_cook.h): it takes m + r - 1 products where the direct sum takes m r. The products
// are summed over all tiles before they are transformed to taps, which happens once.
#pragma once

#include <memory>

#include "runtime/contractions/context.h"
#include "runtime/contractions/problem.h"

namespace gmc::runtime {

/// Over one or two axes, in f32, with at most `points` points of evaluation along each axis. Null
/// in the same cases as make_winograd_conv.
std::unique_ptr<Kernel> make_winograd_backward_weights(const ConvProblem& problem,
                                                       ContractionContext& context, int64_t points);

}  // namespace gmc::runtime
