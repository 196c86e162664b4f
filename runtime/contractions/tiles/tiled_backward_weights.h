// Weight gradients as register tiles over (tap, channel) x filter, summed over all points of the
// output. Weights stay in the plain layout, padding is skipped, and no two threads share a sum, so
// nothing has to be reordered or reduced afterwards.
#pragma once

#include <memory>

#include "runtime/contractions/context.h"
#include "runtime/contractions/problem.h"

namespace gmc::runtime {

/// Null for groups, and for filters that are not a multiple of 16. With bf16 operands, null when
/// the result is bf16 too.
std::unique_ptr<Kernel> make_tiled_backward_weights(const ConvProblem& problem,
                                                    ContractionContext& context);

/// True where this is expected to be faster than oneDNN.
bool prefers_tiled_backward_weights(const ConvProblem& problem);

}  // namespace gmc::runtime
