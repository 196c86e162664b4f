// What is to be computed: a convolution in one of its three directions, or a matrix product, with
// shapes, element types and addresses. Problems are values: a copy with other addresses is the same
// problem elsewhere.
#pragma once

#include <cstdint>
#include <string>

#include "compiler/ir/module.h"
#include "runtime/kernels/kernel.h"

namespace gmc::runtime {

/// Element types of a contraction: f32 of f32, f32 of bf16, bf16 of bf16. Addresses are those of
/// the first element, whatever the type.
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

ConvProblem conv_problem(const ir::Module& module, const ir::Function& function,
                         const ir::Operation& operation, const Buffers& buffers);
MatmulProblem matmul_problem(const ir::Module& module, const ir::Function& function,
                             const ir::Operation& operation, const Buffers& buffers);

}  // namespace gmc::runtime
