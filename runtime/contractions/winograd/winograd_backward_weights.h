// Weight gradients of convolutions with fewer products: the forms of winograd_convolution,
// transposed once more. Each tap of a gradient is a sum over points; a tile adds to all taps of a
// term with as many products as it has points of evaluation.
#pragma once

#include <memory>

#include "runtime/contractions/context.h"
#include "runtime/contractions/problem.h"

namespace gmc::runtime {

/// Over one or two axes, in f32, with at most `points` points of evaluation along each axis. Null
/// as make_winograd_conv.
std::unique_ptr<Kernel> make_winograd_backward_weights(const ConvProblem& problem,
                                                       ContractionContext& context, int64_t points);

}  // namespace gmc::runtime
