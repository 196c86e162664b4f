// Matrix products by oneDNN, in two ways: its matmul primitive, and its BLAS function sgemm, which
// is faster for some shapes. Both in blocks that one thread each computes, whose borders depend on
// the shape only.
#pragma once

#include <memory>

#include "runtime/contractions/context.h"
#include "runtime/contractions/problem.h"

namespace gmc::runtime {

/// Blocks of rows and columns. Null when oneDNN has only reference loops for the problem.
std::unique_ptr<Kernel> make_onednn_matmul(const MatmulProblem& problem,
                                           ContractionContext& context);
/// Blocks of rows, columns and, for long sums, of terms.
std::unique_ptr<Kernel> make_onednn_sgemm(const MatmulProblem& problem,
                                          ContractionContext& context);

}  // namespace gmc::runtime
