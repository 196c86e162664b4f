// Counts the work of an operation from types alone, so that nothing has to run.
#include "runtime/profile/work.h"

#include <algorithm>

namespace gmc::runtime {
namespace {

double elements(const ir::Function& function, ir::ValueId value) {
    return static_cast<double>(function.type(value).elements());
}

/// FLOPs for y[N,E...,F] and weights[K...,C/groups,F]: each output is a sum over all taps and
/// channels of a filter.
double conv_flops(const ir::Function& function, ir::ValueId weights, ir::ValueId y) {
    const double filters = static_cast<double>(function.type(weights).shape.back());
    return 2 * elements(function, y) * elements(function, weights) / filters;
}

/// Of `attention` the scores and their product with v; of its gradient the scores again, and their
/// gradient's products with each of the four operands. 0 of other ops.
double attention_flops(const ir::Function& function, const ir::Operation& operation) {
    const bool forward = operation.as<ir::Attention>() != nullptr;
    if (!forward && operation.as<ir::AttentionGradient>() == nullptr) return 0;
    const ir::Shape &q = function.type(operation.operands[0]).shape,
                    &v = function.type(operation.operands[2]).shape;
    const auto scores = static_cast<double>(q[0] * q[2] * q[1] * v[1]);
    const auto depth = static_cast<double>(q[3]), width = static_cast<double>(v[3]);
    return 2 * scores * (forward ? depth + width : 3 * depth + 2 * width);
}

/// Of a tensor that a loop reads through slices and pads alone, only what these show.
double bytes_read(const ir::Function& function, const ir::Operation& operation, ir::ValueId value) {
    const auto whole = static_cast<double>(function.type(value).bytes());
    double shown = 0;
    for (const ir::Operation& inner : operation.body) {
        if (std::find(inner.operands.begin(), inner.operands.end(), value) == inner.operands.end())
            continue;
        if (!inner.info().has(ir::kWindow)) return whole;
        shown += static_cast<double>(function.type(inner.result()).bytes());
    }
    return shown > 0 ? std::min(shown, whole) : whole;
}

}  // namespace

Work work_of(const ir::Function& function, const ir::Operation& operation) {
    Work work;
    for (ir::ValueId value : operation.operands)
        work.bytes += bytes_read(function, operation, value);
    for (ir::ValueId value : operation.results)
        work.bytes += static_cast<double>(function.type(value).bytes());
    work.flops = attention_flops(function, operation);
    if (!operation.info().has(ir::kContraction)) return work;
    const ir::ValueId a = operation.operands[0], b = operation.operands[1],
                      result = operation.result();
    work.in_bf16 = function.type(a).dtype == ir::DType::kBf16;
    if (operation.as<ir::Conv>() != nullptr) {
        work.flops = conv_flops(function, b, result);
    } else if (operation.as<ir::ConvBackwardData>() != nullptr) {
        work.flops = conv_flops(function, b, a);
    } else if (operation.as<ir::ConvBackwardWeights>() != nullptr) {
        work.flops = conv_flops(function, result, b);
    } else if (const auto* matmul = operation.as<ir::Matmul>()) {
        const ir::Shape& shape = function.type(a).shape;
        work.flops = 2 * elements(function, result) *
                     static_cast<double>(shape[shape.size() - (matmul->transpose_a ? 2 : 1)]);
    }
    return work;
}

}  // namespace gmc::runtime
