// Whether a candidate's result depends on the number of threads. Sums of floats depend on their
// order, and a library may give each thread a part of a sum. Such a candidate is not chosen: a run
// must give the same bits on every number of threads.
#pragma once

#include "runtime/contractions/candidate.h"

namespace gmc::runtime {

/// True when the candidate gives the same bits with 1, 2, 3, 4 and 8 threads. Only candidates with
/// `sums_may_vary` are run for this; the others give the same bits by construction, which tests
/// check.
bool gives_same_bits(const Candidate<ConvProblem>& candidate, const ConvProblem& problem,
                     bool bf16);
bool gives_same_bits(const Candidate<MatmulProblem>& candidate, const MatmulProblem& problem,
                     bool bf16);

}  // namespace gmc::runtime
