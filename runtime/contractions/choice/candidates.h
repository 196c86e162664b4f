// The lists of candidates for convolutions and matrix products, from oneDNN and of our own, and the
// choice among them. The last of each list is plain loops, which can do everything.
#pragma once

#include <memory>
#include <span>

#include "runtime/contractions/candidate.h"

namespace gmc::runtime {

/// All candidates for a direction, in order of preference.
std::span<const Candidate<ConvProblem>> conv_candidates(ConvProblem::Direction direction);
std::span<const Candidate<MatmulProblem>> matmul_candidates();

/// The kernel of the fastest candidate as context.tuning() has it; without that, of the first
/// preferred candidate that can do the problem, else of the first that can.
std::unique_ptr<Kernel> make_conv_kernel(const ConvProblem& problem, ContractionContext& context);
std::unique_ptr<Kernel> make_matmul_kernel(const MatmulProblem& problem,
                                           ContractionContext& context);

}  // namespace gmc::runtime
