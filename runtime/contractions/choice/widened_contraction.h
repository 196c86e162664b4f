// Contractions of bf16 operands in f32: operands are widened into memory that all kernels share,
// the best f32 candidate runs on that, and its result is narrowed. The one way on processors
// without bf16 arithmetic; elsewhere for problems that oneDNN has no bf16 kernel for, or a slow
// one.
#pragma once

#include <memory>

#include "runtime/contractions/context.h"
#include "runtime/contractions/problem.h"

namespace gmc::runtime {

/// Null for f32 problems.
std::unique_ptr<Kernel> make_widened_conv(const ConvProblem& problem, ContractionContext& context);
std::unique_ptr<Kernel> make_widened_matmul(const MatmulProblem& problem,
                                            ContractionContext& context);

}  // namespace gmc::runtime
