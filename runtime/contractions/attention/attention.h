// Attention and its gradient for one thread per example and head, a block of rows of the scores at
// a time: the scores of a block stay in the cache, and no tensor of all scores exists. Memory
// beside the operands is linear in the lengths. (As FlashAttention, Dao et al. 2022; but a block
// has whole rows, so that a softmax needs no corrections.)
#pragma once

#include <array>
#include <memory>

#include "runtime/contractions/context.h"
#include "runtime/kernels/kernel.h"

namespace gmc::runtime {

/// An `attention` or `attention_gradient` with addresses: q[N,T,H,D], k[N,S,H,D], v[N,S,H,E].
struct AttentionProblem {
    int64_t examples, queries, keys, heads, depth, width;  ///< N, T, S, H, D, E
    float scale;
    const float *q, *k, *v;
    const float* mask;                    ///< null: there is none
    std::array<int64_t, 3> mask_strides;  ///< along N, H and T, 0 where it repeats
    const float* diff;                    ///< of the gradient: df/dy
    std::array<float*, 3> results;        ///< y; or the gradients in q, k and v
};
AttentionProblem attention_problem(const ir::Function& function, const ir::Operation& operation,
                                   const Buffers& buffers);

std::unique_ptr<Kernel> make_attention(const AttentionProblem& problem,
                                       ContractionContext& context);
std::unique_ptr<Kernel> make_attention_gradient(const AttentionProblem& problem,
                                                ContractionContext& context);

}  // namespace gmc::runtime
