// The lists of candidates for convolutions and matrix products, and the choice among them. Enters:
// a problem. Leaves: a kernel. Each list ends with the plain loops, which can do everything.
#pragma once

#include <memory>
#include <span>

#include "runtime/contractions/candidate.h"

namespace gmc::runtime {

/// All candidates for a direction. Where several are preferred by their static rules, the first one
/// wins.
std::span<const Candidate<ConvProblem>> conv_candidates(ConvProblem::Direction direction);
std::span<const Candidate<MatmulProblem>> matmul_candidates();

/// The kernel of the candidate that is the fastest according to context.tuning(). Without tuning:
/// of the first candidate that its static rule prefers and that can do the problem, else of the
/// first that can.
std::unique_ptr<Kernel> make_conv_kernel(const ConvProblem& problem, ContractionContext& context);
/// Whether a matmul whose second operand is kept can be computed where its first one and its result
/// move from pass to pass (Buffers::step), by candidates that are fast then.
bool can_move(const ir::Module& module, const ir::Function& function,
              const ir::Operation& operation);
std::unique_ptr<Kernel> make_matmul_kernel(const MatmulProblem& problem,
                                           ContractionContext& context);

}  // namespace gmc::runtime
