// Matrix products by oneDNN: the matmul primitive, and the BLAS call, which is faster for some
// shapes.
#pragma once

#include <future>
#include <memory>

#include "runtime/onednn/contraction.h"

namespace gmc::runtime {

/// Null when oneDNN has only reference loops for the problem.
std::unique_ptr<Kernel> make_onednn_matmul(const MatmulProblem& problem,
                                           ContractionContext& context);
/// oneDNN compiles what all its sgemms share in the first call, which takes 20 ms. This starts it on
/// another thread; sgemms wait for it. To be called as soon as some are likely.
std::shared_future<void> compile_sgemm();
std::unique_ptr<Kernel> make_onednn_sgemm(const MatmulProblem& problem,
                                          ContractionContext& context);

}  // namespace gmc::runtime
