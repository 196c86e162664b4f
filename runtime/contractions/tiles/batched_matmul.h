// Many products of small matrices, such as the scores of attention. Each product is computed by one
// thread, with register tiles; operands are packed where tiles cannot read them as they are.
#pragma once

#include <memory>

#include "runtime/contractions/context.h"
#include "runtime/contractions/problem.h"

namespace gmc::runtime {

/// Null for a single product, for bf16, and for sums so long that packed operands would not stay in
/// a cache.
std::unique_ptr<Kernel> make_batched_matmul(const MatmulProblem& problem,
                                            ContractionContext& context);

/// True where this is expected to be the fastest.
bool prefers_batched_matmul(const MatmulProblem& problem);

}  // namespace gmc::runtime
