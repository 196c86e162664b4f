// One rule per direction. With x as a matrix [N, D... C] and weights as a matrix [K... C, F]:
//   conv                   y = x weights
//   conv_backward_data     x = diff weights^T
//   conv_backward_weights  weights = x^T diff
#include "compiler/passes/algebra/conv_to_matmul.h"

#include <algorithm>

#include "compiler/passes/rewriter.h"

namespace gmc::passes {
namespace {

using namespace ir;  // NOLINT

/// Whether the window, of the size of the weights' first axes, has one place in x.
bool covers(const ConvWindow& window, const Shape& x, const Shape& weights) {
    const auto all = [](const std::vector<int64_t>& sizes, int64_t size) {
        return std::all_of(sizes.begin(), sizes.end(), [&](int64_t s) { return s == size; });
    };
    if (window.groups != 1 || !all(window.pads_begin, 0) || !all(window.pads_end, 0)) return false;
    for (size_t i = 0; i + 2 < x.size(); ++i)
        if (x[i + 1] != weights[i] || (weights[i] > 1 && window.dilations[i] != 1)) return false;
    return true;
}

/// A value, and the axis with which the columns begin when it is read as a matrix.
struct AsMatrix {
    ValueId value;
    size_t columns_from;
};

ValueId matrix(Rewriter& r, AsMatrix m) {
    const Shape& shape = r.shape(m.value);
    int64_t rows = 1, columns = 1;
    for (size_t i = 0; i < shape.size(); ++i) (i < m.columns_from ? rows : columns) *= shape[i];
    return r.builder().reshape(m.value, {rows, columns});
}

/// Makes `op` the product. Its type is given: with operands in bf16 the sums are f32 or rounded, as
/// those of the convolution.
ValueId become_product(Rewriter& r, Operation& op, Matmul form, AsMatrix first, AsMatrix second) {
    const ValueId a = matrix(r, first), b = matrix(r, second);
    const Type type{r.type(op.result()).dtype,
                    {r.shape(a)[form.transpose_a ? 1 : 0], r.shape(b)[form.transpose_b ? 0 : 1]}};
    return r.become(op, Reshape{}, {r.builder().emit_typed(form, {a, b}, type)});
}

ValueId rule(Rewriter& r, Operation& op) {
    if (op.operands.size() != 2) return kNone;
    const ValueId first = op.operands[0], second = op.operands[1];
    const Shape result = r.shape(op.result());
    const size_t last = result.size() - 1;
    if (const auto* conv = op.as<Conv>(); conv != nullptr)
        if (covers(*conv, r.shape(first), r.shape(second)))
            return become_product(r, op, Matmul{}, {first, 1}, {second, last});
    if (const auto* conv = op.as<ConvBackwardData>(); conv != nullptr)
        if (covers(*conv, result, r.shape(second)))
            return become_product(r, op, Matmul{false, true}, {first, 1}, {second, last});
    if (const auto* conv = op.as<ConvBackwardWeights>(); conv != nullptr)
        if (covers(*conv, r.shape(first), result))
            return become_product(r, op, Matmul{true, false}, {first, 1}, {second, 1});
    return kNone;
}

}  // namespace

Result<bool> conv_to_matmul(Module& module, Diagnostics&) { return rewrite(module, rule); }

}  // namespace gmc::passes
