// Matrix products as register tiles, for few rows: the matrices are read where they lie, and each
// thread finishes rows of the result one after the other, so that a loop can follow through them.
#pragma once

#include <memory>

#include "runtime/contractions/context.h"
#include "runtime/contractions/problem.h"

namespace gmc::runtime {

/// Null for fewer than two rows per thread, where both operands are transposed, and where the side
/// that vectors go along (the columns; with b transposed the sum) is shorter than 16 or, without
/// AVX-512, no multiple of 16.
std::unique_ptr<Kernel> make_tiled_matmul(const MatmulProblem& problem,
                                          ContractionContext& context);

/// True where this is expected to be the fastest.
bool prefers_tiled_matmul(const MatmulProblem& problem);

}  // namespace gmc::runtime
