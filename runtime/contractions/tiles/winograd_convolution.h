// 3x3 convolutions of stride 1 by Winograd's minimal filtering, F(2x2, 3x3) of Lavin and Gray 2015:
// 16 products per channel give four results, where sums over taps need 36.
#pragma once

#include <memory>

#include "runtime/contractions/context.h"
#include "runtime/contractions/problem.h"

namespace gmc::runtime {

/// Forward or backward data, over two axes, in f32. Null for other kernels, strides, dilations and
/// groups, and when the channels of either side are not a multiple of 16. Rounding errors are a few
/// times those of plain sums.
std::unique_ptr<Kernel> make_winograd_conv(const ConvProblem& problem, ContractionContext& context);

}  // namespace gmc::runtime
