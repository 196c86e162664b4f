// Makes the problem of an op: which of its operands and results are x, weights and y (or a, b and
// c), with their shapes, types and addresses.
#include "runtime/contractions/problem.h"

#include <fmt/format.h>

#include "compiler/ir/text/printer.h"
#include "compiler/support/check.h"

namespace gmc::runtime {
namespace {

using Direction = ConvProblem::Direction;

/// The op as text, with its function, for errors.
std::string describe(const ir::Module& module, const ir::Function& function,
                     const ir::Operation& operation) {
    return fmt::format("@{}: {}", function.name, ir::print(module, function, operation));
}

/// Element types of the op's operands and result.
ContractionTypes types_of(const ir::Function& function, const ir::Operation& operation) {
    return {function.type(operation.operands[0]).dtype, function.type(operation.result()).dtype};
}

}  // namespace

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
    p.n = c.back(), p.m = c[c.size() - 2];
    p.products = function.type(operation.result()).elements() / (p.m * p.n);
    p.k = function.type(a).shape[c.size() - (op->transpose_a ? 2 : 1)];
    p.transpose_a = op->transpose_a, p.transpose_b = op->transpose_b;
    p.a = buffers.data(a), p.b = buffers.data(b), p.c = buffers.data(operation.result());
    p.a_step = buffers.step(a), p.c_step = buffers.step(operation.result());
    p.where = describe(module, function, operation);
    return p;
}

}  // namespace gmc::runtime
