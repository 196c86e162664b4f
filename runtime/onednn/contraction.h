// Contractions (convolution in its three directions, matrix product) as kernels. Each has a list of
// named candidates, from oneDNN and of our own; the last is plain loops, which can do everything.
// No dnnl.hpp here.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "compiler/ir/module.h"
#include "runtime/program/arena.h"
#include "runtime/program/kernel.h"

namespace gmc::runtime {

class TuningCache;

/// What the contractions of one executable share: the oneDNN engine, scratch memory (in the arena),
/// and weights in the layouts that primitives want. Kernels refer to it.
class ContractionContext {
  public:
    /// With `tuning` the fastest candidates are chosen by measuring, without by static rules.
    explicit ContractionContext(Arena& arena, TuningCache* tuning = nullptr);
    ~ContractionContext();

    Arena& arena() { return arena_; }
    TuningCache* tuning() { return tuning_; }
    /// A call of the function begins: weights may have changed since the last. Within a call no
    /// value changes (states are read as at entry), so one reorder per weight, layout and call is
    /// enough.
    void begin_call() { ++call_; }
    uint64_t call() const { return call_; }
    /// Memory of weights in other layouts.
    int64_t layout_bytes() const;

    struct Session;  ///< of oneDNN, see session.h
    Session& session() { return *session_; }

  private:
    Arena& arena_;
    TuningCache* tuning_;
    uint64_t call_ = 1;
    std::unique_ptr<Session> session_;
};

/// One of conv(x, weights) -> y, its adjoint in x, its adjoint in weights.
struct ConvProblem {
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

    size_t spatial() const { return window.strides.size(); }
    int64_t batch() const { return x.front(); }
    int64_t channels() const { return x.back(); }
    int64_t filters() const { return weights.back(); }
};

/// c[M,N] = a b; transposed operands lie as [K,M] and [N,K].
struct MatmulProblem {
    int64_t m = 0, k = 0, n = 0;
    bool transpose_a = false, transpose_b = false;
    const float* a = nullptr;
    const float* b = nullptr;
    float* c = nullptr;
    std::string where;
};

/// One way to compute a problem.
template <typename Problem>
struct Candidate {
    std::string_view name;
    /// The static rule: true when this way is expected to be the fastest.
    bool (*preferred)(const Problem&);
    /// The kernel, or null when this way cannot do the problem.
    std::unique_ptr<Kernel> (*make)(const Problem&, ContractionContext&);

    /// make(); the kernel bears the candidate's name.
    std::unique_ptr<Kernel> make_named(const Problem& problem, ContractionContext& context) const {
        auto kernel = make(problem, context);
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
