// Convolutions and data gradients as register tiles. A tile is one point of the result for six
// images and 64 channels. All images use the same taps at a point, so strides and padding cost
// nothing in the inner loop.
#pragma once

#include <memory>

#include "runtime/contractions/context.h"
#include "runtime/contractions/problem.h"

namespace gmc::runtime {

/// Forward or backward data. Null for groups, and when the result's channels are not a multiple of
/// 16.
std::unique_ptr<Kernel> make_tiled_conv(const ConvProblem& problem, ContractionContext& context);

/// True where this is expected to be faster than oneDNN.
bool prefers_tiled_conv(const ConvProblem& problem);

}  // namespace gmc::runtime
