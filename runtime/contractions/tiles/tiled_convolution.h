// Convolutions and data gradients as register tiles: one point of the result for six images times
// 64 channels. All images have the same taps at a point, so strides and padding cost nothing.
#pragma once

#include <memory>

#include "runtime/contractions/context.h"
#include "runtime/contractions/problem.h"

namespace gmc::runtime {

/// Forward or backward data. Null for groups and when the result's channels are no multiple of 16.
std::unique_ptr<Kernel> make_tiled_conv(const ConvProblem& problem, ContractionContext& context);

/// True where this is expected to be faster than oneDNN.
bool prefers_tiled_conv(const ConvProblem& problem);

}  // namespace gmc::runtime
