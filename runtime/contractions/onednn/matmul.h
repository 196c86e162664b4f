// Matrix products by oneDNN, in three ways: its matmul primitive; its BLAS function sgemm, which is
// faster for some shapes; and blocks, each an sgemm of one thread.
#pragma once

#include <memory>

#include "runtime/contractions/context.h"
#include "runtime/contractions/problem.h"

namespace gmc::runtime {

/// Null when oneDNN has only reference loops for the problem.
std::unique_ptr<Kernel> make_onednn_matmul(const MatmulProblem& problem,
                                           ContractionContext& context);
std::unique_ptr<Kernel> make_onednn_sgemm(const MatmulProblem& problem,
                                          ContractionContext& context);
/// Cuts the product into blocks of rows, columns and, for long sums, of terms. The cuts depend on
/// the shape only, so any number of threads gives the same bits. The other two do not promise that
/// for any shape.
std::unique_ptr<Kernel> make_onednn_blocks(const MatmulProblem& problem,
                                           ContractionContext& context);

}  // namespace gmc::runtime
