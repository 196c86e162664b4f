// Matrix products as register tiles, for products of few rows. The matrices are read where they
// are, without packing. Each thread finishes rows of the result one after another, so that an
// epilogue can process them while they are in cache.
#pragma once

#include <memory>

#include "runtime/contractions/context.h"
#include "runtime/contractions/problem.h"

namespace gmc::runtime {

/// Null for several products, for fewer than four rows, and when both operands are transposed. Also
/// null when the axis along which vectors go (the columns, or with b transposed the sum) is shorter
/// than 16 or, without AVX-512, not a multiple of 16.
std::unique_ptr<Kernel> make_tiled_matmul(const MatmulProblem& problem,
                                          ContractionContext& context);

/// True where this is expected to be the fastest.
bool prefers_tiled_matmul(const MatmulProblem& problem);

}  // namespace gmc::runtime
