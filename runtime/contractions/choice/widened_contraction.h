// Computes contractions of bf16 operands in f32: copies the operands to f32, runs the best f32
// candidate on the copies, and converts the result to bf16 when that is its type. On processors
// without bf16 arithmetic this is the only way. On others it is a candidate for problems for which
// oneDNN has no bf16 kernel, or a slow one.
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
