// The choice among candidates by measuring: each runs on memory of its own, and the fastest that
// computes the right numbers is remembered.
#pragma once

#include <memory>
#include <span>

#include "runtime/contractions/candidate.h"
#include "runtime/contractions/tuning_cache.h"

namespace gmc::runtime {

/// The kernel of the fastest candidate that can do `problem`: the one in `cache`, else all are
/// timed (reorders of weights included) and the choice is recorded there. A candidate whose result
/// differs from plain loops for the same problem with one or two examples is never chosen. Null
/// when fewer than two candidates can do the problem, which leaves nothing to choose.
std::unique_ptr<Kernel> make_fastest(std::span<const Candidate<ConvProblem>> candidates,
                                     const ConvProblem& problem, ContractionContext& context,
                                     TuningCache& cache);
std::unique_ptr<Kernel> make_fastest(std::span<const Candidate<MatmulProblem>> candidates,
                                     const MatmulProblem& problem, ContractionContext& context,
                                     TuningCache& cache);

/// What tells one problem from another in the cache: "conv_backward_data x[8,28,28,64] ...".
std::string tuning_key(const ConvProblem& problem);
std::string tuning_key(const MatmulProblem& problem);
/// What was measured for an operation, with a loop following where that was measured; null for
/// nothing.
const TuningEntry* find_tuning(const TuningCache& cache, const ir::Module& module,
                               const ir::Function& function, const ir::Operation& operation);

}  // namespace gmc::runtime
