// Backward data towards few channels (the last layer of a generator, the first of a discriminator),
// where oneDNN's kernels use one lane per channel: a matrix product towards all taps at once, then
// a sum over taps.
#pragma once

#include <memory>

#include "runtime/contractions/context.h"
#include "runtime/contractions/problem.h"

namespace gmc::runtime {

/// Null for groups, and for a dilation of the last axis.
std::unique_ptr<Kernel> make_narrow_backward_data(const ConvProblem& problem,
                                                  ContractionContext& context);

/// True where this is expected to be faster than oneDNN.
bool prefers_narrow_backward_data(const ConvProblem& problem);

}  // namespace gmc::runtime
