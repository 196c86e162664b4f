// Products of a matrix and a vector, and of two vectors. oneDNN takes several times as long for
// these.
#pragma once

#include <memory>

#include "runtime/contractions/context.h"
#include "runtime/contractions/problem.h"

namespace gmc::runtime {

/// Null when none of m, k and n is 1.
std::unique_ptr<Kernel> make_vector_matmul(const MatmulProblem& problem,
                                           ContractionContext& context);

/// True where this is expected to be the fastest, which is wherever it applies.
bool prefers_vector_matmul(const MatmulProblem& problem);

}  // namespace gmc::runtime
