// From an op to its problem, the lists of candidates, and the choice among them.
#include "runtime/onednn/contraction.h"

#include <fmt/format.h>

#include "compiler/ir/text/printer.h"
#include "compiler/support/check.h"
#include "runtime/onednn/convolution.h"
#include "runtime/onednn/matmul.h"
#include "runtime/onednn/plain_contraction.h"
#include "runtime/onednn/tiles/narrow_backward_data.h"
#include "runtime/onednn/tiles/tiled_backward_weights.h"
#include "runtime/onednn/tiles/tiled_convolution.h"
#include "runtime/onednn/tiles/tiled_matmul.h"
#include "runtime/onednn/tiles/vector_matmul.h"
#include "runtime/onednn/tiles/winograd_convolution.h"
#include "runtime/onednn/tuning.h"
#include "runtime/onednn/widened_contraction.h"

namespace gmc::runtime {
namespace {

using Direction = ConvProblem::Direction;

template <typename Problem>
bool always(const Problem&) {
    return true;
}
template <typename Problem>
bool never(const Problem&) {
    return false;
}

constexpr Candidate<ConvProblem> kForward[] = {
    {"tiled", prefers_tiled_conv, make_tiled_conv, true},
    {"winograd", never, make_winograd_conv},
    {"onednn", always, make_onednn_conv, true},
    {"widened", never, make_widened_conv, true},
    {"plain", never, make_plain_conv},
};
constexpr Candidate<ConvProblem> kBackwardData[] = {
    {"narrow", prefers_narrow_backward_data, make_narrow_backward_data, true},
    {"tiled", prefers_tiled_conv, make_tiled_conv, true},
    {"winograd", never, make_winograd_conv},
    {"onednn", always, make_onednn_conv_backward_data, true},
    {"widened", never, make_widened_conv, true},
    {"plain", never, make_plain_conv},
};
constexpr Candidate<ConvProblem> kBackwardWeights[] = {
    {"tiled", prefers_tiled_backward_weights, make_tiled_backward_weights, true},
    {"onednn", always, make_onednn_conv_backward_weights, true},
    {"widened", never, make_widened_conv, true},
    {"plain", never, make_plain_conv},
};

/// Measured with 2.6.3 on Zen 5, milliseconds by sgemm and matmul: [128,50176]x[50176,128] 3.5 and 4.0,
/// [128,100]x[100,12544] 0.745 and 0.761, and both ways for others. A process that has none spares 20 ms at its start:
/// as the static rule does not prefer it, it has to be clearly faster to be chosen.
bool prefers_sgemm(const MatmulProblem& p) {
    constexpr int64_t kLongSum = 1 << 14;
    return !p.transpose_b && p.k >= kLongSum;
}

constexpr Candidate<MatmulProblem> kMatmul[] = {
    {"vector", prefers_vector_matmul, make_vector_matmul, true},
    {"tiled", prefers_tiled_matmul, make_tiled_matmul},
    {"onednn_sgemm", prefers_sgemm, make_onednn_sgemm},
    {"onednn_matmul", always, make_onednn_matmul, true},
    {"widened", never, make_widened_matmul, true},
    {"plain", never, make_plain_matmul},
};

template <typename Problem>
std::unique_ptr<Kernel> make_best(std::span<const Candidate<Problem>> candidates,
                                  const Problem& problem, ContractionContext& context) {
    if (TuningCache* tuning = context.tuning())
        if (auto kernel = make_fastest(candidates, problem, context, *tuning)) return kernel;
    for (const bool preferred : {true, false})
        for (const Candidate<Problem>& candidate : candidates)
            if (candidate.preferred(problem) == preferred)
                if (auto kernel = candidate.make_named(problem, context)) return kernel;
    GMC_CHECK(false, "no candidate can do {}", problem.where);
}

std::string describe(const ir::Module& module, const ir::Function& function,
                     const ir::Operation& operation) {
    return fmt::format("@{}: {}", function.name, ir::print(module, function, operation));
}

/// The types of operands and result.
ContractionTypes types_of(const ir::Function& function, const ir::Operation& operation) {
    return {function.type(operation.operands[0]).dtype, function.type(operation.result()).dtype};
}

}  // namespace

std::span<const Candidate<ConvProblem>> conv_candidates(Direction direction) {
    switch (direction) {
        case Direction::kForward:
            return kForward;
        case Direction::kBackwardData:
            return kBackwardData;
        case Direction::kBackwardWeights:
            return kBackwardWeights;
    }
    return {};
}

std::span<const Candidate<MatmulProblem>> matmul_candidates() { return kMatmul; }

ConvProblem conv_problem(const ir::Module& module, const ir::Function& function,
                         const ir::Operation& operation, const Buffers& buffers) {
    const ir::ValueId a = operation.operands.at(0), b = operation.operands.at(1),
                      result = operation.result();
    ConvProblem p{{types_of(function, operation)}};
    ir::ValueId x = a, weights = b, y = result;
    if (const auto* forward = operation.as<ir::Conv>()) {
        p.window = *forward;
    } else if (const auto* data = operation.as<ir::ConvBackwardData>()) {
        p.direction = Direction::kBackwardData;
        p.window = *data;
        x = result, y = a;
    } else {
        const auto* gradient = operation.as<ir::ConvBackwardWeights>();
        GMC_CHECK(gradient != nullptr, "not a convolution: {}", operation.info().name);
        p.direction = Direction::kBackwardWeights;
        p.window = *gradient;
        weights = result, y = b;
    }
    p.x = function.type(x).shape, p.x_data = buffers.data(x);
    p.weights = function.type(weights).shape, p.weights_data = buffers.data(weights);
    p.y = function.type(y).shape, p.y_data = buffers.data(y);
    if (p.direction != Direction::kBackwardWeights) p.weights_value = weights;
    p.where = describe(module, function, operation);
    return p;
}

MatmulProblem matmul_problem(const ir::Module& module, const ir::Function& function,
                             const ir::Operation& operation, const Buffers& buffers) {
    const auto* op = operation.as<ir::Matmul>();
    GMC_CHECK(op != nullptr, "not a matmul: {}", operation.info().name);
    const ir::ValueId a = operation.operands.at(0), b = operation.operands.at(1);
    const ir::Shape& c = function.type(operation.result()).shape;
    MatmulProblem p{{types_of(function, operation)}};
    p.m = c[0], p.n = c[1];
    p.k = function.type(a).shape[op->transpose_a ? 0 : 1];
    p.transpose_a = op->transpose_a, p.transpose_b = op->transpose_b;
    p.a = buffers.data(a), p.b = buffers.data(b), p.c = buffers.data(operation.result());
    p.where = describe(module, function, operation);
    return p;
}

std::unique_ptr<Kernel> make_conv_kernel(const ConvProblem& problem, ContractionContext& context) {
    return make_best(conv_candidates(problem.direction), problem, context);
}

std::unique_ptr<Kernel> make_matmul_kernel(const MatmulProblem& problem,
                                           ContractionContext& context) {
    return make_best(matmul_candidates(), problem, context);
}

}  // namespace gmc::runtime
