// Matrix products as register tiles, for large matrices. What the tiles read is first copied into
// the order in which they read it (Goto and van de Geijn, "Anatomy of high-performance matrix
// multiplication", 2008), so that they run at the speed of the first and second-level caches
// whatever the matrices' widths.
#pragma once

#include <memory>

#include "runtime/contractions/context.h"
#include "runtime/contractions/problem.h"

namespace gmc::runtime {

/// False for several products, for fewer than four rows, when both operands are transposed, and
/// when there are fewer than 16 columns or, without AVX-512, not a multiple of 16.
bool can_pack(const MatmulProblem& problem);
/// Null where can_pack is false.
std::unique_ptr<Kernel> make_packed_matmul(const MatmulProblem& problem,
                                           ContractionContext& context);

/// Whether the packed product does not store its result, where its epilogue takes values
/// (Epilogue::takes_values): a weight gradient too large for the caches, whose optimizer follows.
bool packs_for_reader(const MatmulProblem& problem);

/// True where this is expected to be the fastest.
bool prefers_packed_matmul(const MatmulProblem& problem);

}  // namespace gmc::runtime
