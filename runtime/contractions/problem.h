// What a contraction has to compute: a convolution in one of its three directions, or a matrix
// product. A problem holds shapes, element types and addresses. It is a plain value: a copy with
// other addresses is the same problem on other memory, which is how tuning runs candidates without
// touching the model's data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "compiler/ir/module.h"
#include "runtime/kernels/kernel.h"

namespace gmc::runtime {

/// Element types. Operands and result are f32, or operands are bf16 and the result is f32 or bf16.
/// Addresses are declared as float*, but point to the first element of whatever type it is.
struct ContractionTypes {
    ir::DType operand_type = ir::DType::kF32, result_type = ir::DType::kF32;
    bool is_f32() const { return operand_type == ir::DType::kF32; }
};

/// What all contractions have in common.
struct Contraction : ContractionTypes {
    /// True when the kernel may get an epilogue: a loop that processes each part of the result as
    /// soon as it is written (Kernel::set_epilogue).
    bool followed = false;
    /// True when nothing but that loop reads the result, so that it need not be stored
    /// (Epilogue::takes_values).
    bool consumed = false;
    /// Whether some address is another in each pass of a scan.
    bool moves() const { return false; }
};

/// A convolution conv(x, weights) -> y, or one of its gradients: from y and weights to x
/// (kBackwardData), or from x and y to weights (kBackwardWeights).
struct ConvProblem : Contraction {
    enum class Direction { kForward, kBackwardData, kBackwardWeights };
    Direction direction = Direction::kForward;
    ir::ConvWindow window;
    /// The same in all directions: x[N,D...,C], weights[K...,C/groups,F], y[N,E...,F].
    ir::Shape x, weights, y;
    float* x_data = nullptr;
    float* weights_data = nullptr;
    float* y_data = nullptr;
    /// Identifies the weights, so that copies in other layouts can be shared; kNone for
    /// kBackwardWeights, which writes them.
    ir::ValueId weights_value = ir::kNone;
    /// The op as text, for errors.
    std::string where;

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

/// c[M,N] = a[M,K] b[K,N], or `products` of them, one after another in memory. A transposed operand
/// is stored as [K,M] or [N,K].
struct MatmulProblem : Contraction {
    int64_t m = 0, k = 0, n = 0;
    bool transpose_a = false, transpose_b = false;
    const float* a = nullptr;
    const float* b = nullptr;
    float* c = nullptr;
    std::string where;
    int64_t products = 1;
    /// Identifies b where it is the same in all passes of a scan, so that a kernel may keep a copy
    /// of it in another order (ContractionContext::since); else kNone.
    ir::ValueId kept_b = ir::kNone;
    /// Bytes from a or c of a pass of a scan to that of the next (Buffers::step).
    int64_t a_step = 0, c_step = 0;

    bool moves() const { return a_step != 0 || c_step != 0; }
    const float* a_in_pass(int64_t pass) const { return moved(a, a_step * pass); }
    float* c_in_pass(int64_t pass) const { return moved(c, c_step * pass); }

    int64_t a_elements() const { return products * m * k; }
    int64_t b_elements() const { return products * k * n; }
    int64_t c_elements() const { return products * m * n; }

  private:
    static float* moved(float* at, int64_t bytes) {
        return reinterpret_cast<float*>(reinterpret_cast<std::byte*>(at) + bytes);
    }
    static const float* moved(const float* at, int64_t bytes) {
        return reinterpret_cast<const float*>(reinterpret_cast<const std::byte*>(at) + bytes);
    }
};

/// Whether threads should share the columns of the result instead of its rows: each then reads its
/// own columns of b, which is the larger operand. What several threads read is copied into the
/// cache of each; and weights that were only read by one are faster to update.
inline bool columns_first(const MatmulProblem& p) { return !p.transpose_a && p.n > p.m; }

ConvProblem conv_problem(const ir::Module& module, const ir::Function& function,
                         const ir::Operation& operation, const Buffers& buffers);
MatmulProblem matmul_problem(const ir::Module& module, const ir::Function& function,
                             const ir::Operation& operation, const Buffers& buffers);

}  // namespace gmc::runtime
