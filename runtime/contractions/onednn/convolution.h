// oneDNN's convolutions: activations stay channels-last, weights take the layout that the primitive
// chooses.
#pragma once

#include <memory>

#include "runtime/contractions/context.h"
#include "runtime/contractions/problem.h"

namespace gmc::runtime {

/// Null when oneDNN has nothing for the problem but reference loops, or fails to say what it has.
std::unique_ptr<Kernel> make_onednn_conv(const ConvProblem& problem, ContractionContext& context);
std::unique_ptr<Kernel> make_onednn_conv_backward_data(const ConvProblem& problem,
                                                       ContractionContext& context);
std::unique_ptr<Kernel> make_onednn_conv_backward_weights(const ConvProblem& problem,
                                                          ContractionContext& context);

}  // namespace gmc::runtime
