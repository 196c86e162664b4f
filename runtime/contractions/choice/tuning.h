// Chooses among candidates by measuring. Each candidate runs on memory of its own, and the fastest
// one that computes the right numbers is chosen and remembered.
#pragma once

#include <memory>
#include <span>

#include "runtime/contractions/candidate.h"
#include "runtime/contractions/tuning_cache.h"

namespace gmc::runtime {

/// The kernel of the fastest candidate. If `cache` knows the problem, its choice is taken.
/// Otherwise all candidates are timed, reorders of weights included, and the choice is recorded. A
/// candidate is never chosen when its result differs from that of plain loops; the two are compared
/// on a smaller problem, with one or two examples, since plain loops are slow. The choice is
/// recorded even where only one candidate can do the problem, so that later processes need not look
/// again. Null when no candidate is right, or it is not known and the cache measures nothing.
std::unique_ptr<Kernel> make_fastest(std::span<const Candidate<ConvProblem>> candidates,
                                     const ConvProblem& problem, ContractionContext& context,
                                     TuningCache& cache);
std::unique_ptr<Kernel> make_fastest(std::span<const Candidate<MatmulProblem>> candidates,
                                     const MatmulProblem& problem, ContractionContext& context,
                                     TuningCache& cache);

/// The key of a problem in the cache, such as "conv_backward_data x[8,28,28,64] ...".
std::string tuning_key(const ConvProblem& problem);
std::string tuning_key(const MatmulProblem& problem);
/// The measurement for an operation, preferably one with an epilogue; null when there is none.
const TuningEntry* find_tuning(const TuningCache& cache, const ir::Module& module,
                               const ir::Function& function, const ir::Operation& operation);

}  // namespace gmc::runtime
