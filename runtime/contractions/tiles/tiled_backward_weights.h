// Weight gradients as register tiles over (tap, channel) x filter, summed over all points of the
// output. Weights stay in the plain layout, padding is skipped, and threads share no sums, so there
// is nothing to reorder or reduce.
#pragma once

#include <memory>

#include "runtime/contractions/context.h"
#include "runtime/contractions/problem.h"

namespace gmc::runtime {

/// Null for groups and for filters that are no multiple of 16; of bf16, for results of it.
std::unique_ptr<Kernel> make_tiled_backward_weights(const ConvProblem& problem,
                                                    ContractionContext& context);

/// True where this is expected to be faster than oneDNN.
bool prefers_tiled_backward_weights(const ConvProblem& problem);

}  // namespace gmc::runtime
