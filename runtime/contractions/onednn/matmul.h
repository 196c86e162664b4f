// Matrix products by oneDNN, in two ways: its matmul primitive, and its BLAS function sgemm, which
// is faster for some shapes.
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

}  // namespace gmc::runtime
