// Products of a matrix and a vector, and of two vectors, where oneDNN's need several times as long.
#pragma once

#include <memory>

#include "runtime/contractions/context.h"
#include "runtime/contractions/problem.h"

namespace gmc::runtime {

/// Null where none of m, k and n is 1.
std::unique_ptr<Kernel> make_vector_matmul(const MatmulProblem& problem,
                                           ContractionContext& context);

/// True where this is expected to be the fastest: wherever it can.
bool prefers_vector_matmul(const MatmulProblem& problem);

}  // namespace gmc::runtime
