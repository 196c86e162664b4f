// Convolutions by oneDNN. Activations keep their channels-last layout; weights take the layout that
// the primitive chooses.
#pragma once

#include <memory>

#include "runtime/contractions/context.h"
#include "runtime/contractions/problem.h"

namespace gmc::runtime {

/// Null when oneDNN has only reference loops for the problem, or fails when it is asked.
std::unique_ptr<Kernel> make_onednn_conv(const ConvProblem& problem, ContractionContext& context);
std::unique_ptr<Kernel> make_onednn_conv_backward_data(const ConvProblem& problem,
                                                       ContractionContext& context);
std::unique_ptr<Kernel> make_onednn_conv_backward_weights(const ConvProblem& problem,
                                                          ContractionContext& context);

}  // namespace gmc::runtime
