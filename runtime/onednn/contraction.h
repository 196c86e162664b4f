// Contractions (convolution in its three directions, matrix product) as kernels. Each has a list of
// named candidates, from oneDNN and of our own; the last is plain loops, which can do everything.
// No dnnl.hpp here.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/ir/module.h"
#include "runtime/program/arena.h"
#include "runtime/program/kernel.h"

namespace gmc::runtime {

class TuningCache;

/// Whether this processor multiplies bf16 numbers.
bool processor_has_bf16();

/// What the contractions of one executable share: the oneDNN engine, scratch memory (in the arena),
/// and weights in the layouts that primitives want. Kernels refer to it.
class ContractionContext {
  public:
    /// With `tuning` the fastest candidates are chosen by measuring, without by static rules.
    /// Without `bf16` contractions of bf16 operands are computed in f32.
    explicit ContractionContext(Arena& arena, TuningCache* tuning = nullptr,
                                bool bf16 = processor_has_bf16());
    ~ContractionContext();

    Arena& arena() { return arena_; }
    TuningCache* tuning() { return tuning_; }
    bool bf16() const { return bf16_; }
    /// A call of the function begins: weights may have changed since the last. Within a call no
    /// value changes (states are read as at entry), so one reorder per weight, layout and call is
    /// enough.
    void begin_call() { ++call_; }
    uint64_t call() const { return call_; }
    /// Memory for so many floats that kernels share: its content is lost between two of them. Stays
    /// where it is.
    float* wide_memory(int64_t floats);
    /// Memory of weights in other layouts, and of wide_memory.
    int64_t layout_bytes() const;

    struct Session;  ///< of oneDNN, see session.h
    Session& session() { return *session_; }

  private:
    Arena& arena_;
    TuningCache* tuning_;
    bool bf16_;
    uint64_t call_ = 1;
    std::vector<MemoryBlock> wide_;  ///< ever larger
    std::unique_ptr<Session> session_;
};

/// Element types of a contraction: f32 of f32, f32 of bf16, bf16 of bf16. Addresses are those of the first element,
/// whatever the type.
struct ContractionTypes {
    ir::DType operand_type = ir::DType::kF32, result_type = ir::DType::kF32;
    bool is_f32() const { return operand_type == ir::DType::kF32; }
};

/// What all contractions have in common.
struct Contraction : ContractionTypes {
    bool followed = false;  ///< a loop can follow through the result (Kernel::set_epilogue)
};

/// One of conv(x, weights) -> y, its adjoint in x, its adjoint in weights.
struct ConvProblem : Contraction {
    enum class Direction { kForward, kBackwardData, kBackwardWeights };
    Direction direction = Direction::kForward;
    ir::ConvWindow window;
    ir::Shape x, weights,
        y;  ///< x[N,D...,C], weights[K...,C/groups,F], y[N,E...,F] whatever the direction
    float* x_data = nullptr;
    float* weights_data = nullptr;
    float* y_data = nullptr;
    ir::ValueId weights_value = ir::kNone;  ///< not for kBackwardWeights
    std::string where;                      ///< the op as text, for errors

    ir::DType x_type() const {
        return direction == Direction::kBackwardData ? result_type : operand_type;
    }
    ir::DType weights_type() const {
        return direction == Direction::kBackwardWeights ? result_type : operand_type;
    }
    ir::DType y_type() const {
        return direction == Direction::kForward ? result_type : operand_type;
    }
    size_t spatial() const { return window.strides.size(); }
    int64_t batch() const { return x.front(); }
    int64_t channels() const { return x.back(); }
    int64_t filters() const { return weights.back(); }
};

/// c[M,N] = a b; transposed operands lie as [K,M] and [N,K].
struct MatmulProblem : Contraction {
    int64_t m = 0, k = 0, n = 0;
    bool transpose_a = false, transpose_b = false;
    const float* a = nullptr;
    const float* b = nullptr;
    float* c = nullptr;
    std::string where;
};

/// Counts changes that make a candidate faster or slower: what was measured before is measured again.
inline constexpr int kCandidatesRevision = 6;

/// One way to compute a problem.
template <typename Problem>
struct Candidate {
    std::string_view name;
    /// The static rule: true when this way is expected to be the fastest.
    bool (*preferred)(const Problem&);
    /// The kernel of an f32 problem, or null when this way cannot do it.
    std::unique_ptr<Kernel> (*make)(const Problem&, ContractionContext&);
    /// Whether `make` is for problems of bf16, too.
    bool takes_bf16 = false;

    /// The kernel, which bears the candidate's name, or null when this way cannot do the problem.
    std::unique_ptr<Kernel> make_named(const Problem& problem, ContractionContext& context) const {
        auto kernel = problem.is_f32() || takes_bf16 ? make(problem, context) : nullptr;
        if (kernel) kernel->set_name(name);
        return kernel;
    }
};

/// All candidates for a direction, in order of preference.
std::span<const Candidate<ConvProblem>> conv_candidates(ConvProblem::Direction direction);
std::span<const Candidate<MatmulProblem>> matmul_candidates();

ConvProblem conv_problem(const ir::Module& module, const ir::Function& function,
                         const ir::Operation& operation, const Buffers& buffers);
MatmulProblem matmul_problem(const ir::Module& module, const ir::Function& function,
                             const ir::Operation& operation, const Buffers& buffers);

/// The kernel of the fastest candidate as context.tuning() has it; without that, of the first
/// preferred candidate that can do the problem, else of the first that can.
std::unique_ptr<Kernel> make_conv_kernel(const ConvProblem& problem, ContractionContext& context);
std::unique_ptr<Kernel> make_matmul_kernel(const MatmulProblem& problem,
                                           ContractionContext& context);

}  // namespace gmc::runtime
