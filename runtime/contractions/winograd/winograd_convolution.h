// Convolutions of any kernel, stride, dilation and direction with fewer products, by Winograd's
// minimal filtering (Lavin and Gray 2015) of the convolutions of stride 1 that they decompose into
// (winograd_axis.h): a transposed convolution of kernel 5 and stride 2 needs 100 products for 16
// results of a channel, 49 with forms of up to 4 points, and 30.25 with 6.
#pragma once

#include <memory>

#include "runtime/contractions/context.h"
#include "runtime/contractions/problem.h"

namespace gmc::runtime {

/// Forward or backward data, over one or two axes, in f32, with at most `points` points of
/// evaluation along each axis; rounding errors grow with them. Null for groups, when the channels
/// of either side are not a multiple of 16, and when there is nothing to save.
std::unique_ptr<Kernel> make_winograd_conv(const ConvProblem& problem, ContractionContext& context,
                                           int64_t points);

}  // namespace gmc::runtime
