// Computes contractions of bf16 in f32: makes an f32 problem that differs from the given one in its
// addresses only, and a kernel that converts before and after.
#include "runtime/contractions/choice/widened_contraction.h"

#include "runtime/contractions/choice/candidates.h"
#include "runtime/kernels/tile_cast.h"

namespace gmc::runtime {
namespace {

using ir::DType;

/// A tensor of the problem and its f32 copy; `wide` equals `data` when the tensor is f32 already.
struct Widened {
    float* data;
    float* wide;
    int64_t elements;
};

class WidenedKernel final : public Kernel {
  public:
    WidenedKernel(std::unique_ptr<Kernel> kernel, Widened a, Widened b, Widened result)
        : kernel_(std::move(kernel)), operands_{a, b}, result_(result) {}

    void run(const CallContext& context) override {
        for (const Widened& x : operands_)
            cast_elements(x.data, DType::kBf16, x.wide, DType::kF32, x.elements);
        kernel_->run(context);
        if (result_.wide != result_.data)
            cast_elements(result_.wide, DType::kF32, result_.data, DType::kBf16, result_.elements);
    }

  private:
    std::unique_ptr<Kernel> kernel_;
    Widened operands_[2], result_;
};

/// Where the f32 copies of operands and result lie: one after another in the memory that all such
/// kernels share.
struct Copies {
    Widened a, b, result;

    Copies(Widened first, Widened second, Widened made, DType result_type,
           ContractionContext& context)
        : a(first), b(second), result(made) {
        const auto floats = [](int64_t n) { return align_up(n, kTensorAlignment / 4); };
        const bool to_bf16 = result_type == DType::kBf16;
        const int64_t after_b = floats(a.elements) + floats(b.elements);
        float* memory = context.wide_memory(after_b + (to_bf16 ? result.elements : 0));
        a.wide = memory;
        b.wide = memory + floats(a.elements);
        result.wide = to_bf16 ? memory + after_b : result.data;
    }
};

int64_t elements(const ir::Shape& shape) { return ir::f32(shape).elements(); }

}  // namespace

std::unique_ptr<Kernel> make_widened_conv(const ConvProblem& problem, ContractionContext& context) {
    if (problem.is_f32()) return nullptr;
    Widened x{problem.x_data, nullptr, elements(problem.x)};
    Widened weights{problem.weights_data, nullptr, elements(problem.weights)};
    Widened y{problem.y_data, nullptr, elements(problem.y)};
    using Direction = ConvProblem::Direction;
    const bool to_x = problem.direction == Direction::kBackwardData,
               to_weights = problem.direction == Direction::kBackwardWeights;
    const Copies copies(to_x ? y : x, to_weights ? y : weights,
                        to_x         ? x
                        : to_weights ? weights
                                     : y,
                        problem.result_type, context);
    ConvProblem wide = problem;
    wide.operand_type = wide.result_type = DType::kF32;
    wide.x_data = to_x ? copies.result.wide : copies.a.wide;
    wide.weights_data = to_weights ? copies.result.wide : copies.b.wide;
    wide.y_data = to_x ? copies.a.wide : to_weights ? copies.b.wide : copies.result.wide;
    // Other kernels share the memory of the f32 weights, so a reordered copy must not be kept.
    wide.weights_value = ir::kNone;
    return std::make_unique<WidenedKernel>(make_conv_kernel(wide, context), copies.a, copies.b,
                                           copies.result);
}

std::unique_ptr<Kernel> make_widened_matmul(const MatmulProblem& problem,
                                            ContractionContext& context) {
    if (problem.is_f32()) return nullptr;
    // `Widened` has one pointer type for what is read and what is written.
    const Copies copies({const_cast<float*>(problem.a), nullptr, problem.a_elements()},
                        {const_cast<float*>(problem.b), nullptr, problem.b_elements()},
                        {problem.c, nullptr, problem.c_elements()}, problem.result_type, context);
    MatmulProblem wide = problem;
    wide.operand_type = wide.result_type = DType::kF32;
    wide.a = copies.a.wide, wide.b = copies.b.wide, wide.c = copies.result.wide;
    return std::make_unique<WidenedKernel>(make_matmul_kernel(wide, context), copies.a, copies.b,
                                           copies.result);
}

}  // namespace gmc::runtime
