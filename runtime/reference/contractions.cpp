// The reference of contractions. A convolution is a sum of products x w -> y over all triples of
// elements that belong together. Its three forms walk the same triples and differ only in which of
// the three tensors they add to, so they are adjoint by construction.
#include "runtime/reference/contractions.h"

#include "runtime/reference/index.h"

namespace gmc::runtime {
namespace {

/// Calls visit(x position, w position, y position) for every product of the convolution
/// y[n, o, f] = sum over k, c of x[n, o stride - pads_begin + k dilation, group(f) C/groups + c]
/// w[k, c, f].
template <typename Visit>
void for_each_product(const ir::ConvWindow& window, const ir::Shape& x, const ir::Shape& w,
                      const ir::Shape& y, Visit&& visit) {
    const size_t spatial = window.strides.size();
    const int64_t channels = w[spatial];  // of one group
    const int64_t filters = w.back(), filters_per_group = filters / window.groups;
    const ir::Shape kernel(w.begin(), w.begin() + spatial);
    const ir::Shape outputs(y.begin(), y.end() - 1);  // [N, E...]
    Index out(outputs.size());
    do {
        Index tap(spatial);
        do {
            Index in{out[0]};
            bool inside = true;
            for (size_t axis = 0; axis < spatial; ++axis) {
                in.push_back(out[axis + 1] * window.strides[axis] - window.pads_begin[axis] +
                             tap[axis] * window.dilations[axis]);
                inside = inside && in.back() >= 0 && in.back() < x[axis + 1];
            }
            if (!inside) continue;  // padding is zeros
            const size_t x_row = offset(in, {x.begin(), x.end() - 1}) * x.back();
            const size_t w_row = offset(tap, kernel) * channels * filters;
            const size_t y_row = offset(out, outputs) * filters;
            for (int64_t c = 0; c < channels; ++c)
                for (int64_t f = 0; f < filters; ++f)
                    visit(x_row + f / filters_per_group * channels + c, w_row + c * filters + f,
                          y_row + f);
        } while (next(tap, kernel));
    } while (next(out, outputs));
}

}  // namespace

void reference(const ir::Conv& op, ReferenceContext& c) {
    const ReferenceTensor &x = c.operand(0), &w = c.operand(1);
    ReferenceTensor& y = c.result();
    for_each_product(op, x.type.shape, w.type.shape, y.type.shape,
                     [&](size_t i, size_t k, size_t o) { y.data[o] += x.data[i] * w.data[k]; });
}

void reference(const ir::ConvBackwardData& op, ReferenceContext& c) {
    const ReferenceTensor &y = c.operand(0), &w = c.operand(1);
    ReferenceTensor& x = c.result();
    for_each_product(op, x.type.shape, w.type.shape, y.type.shape,
                     [&](size_t i, size_t k, size_t o) { x.data[i] += y.data[o] * w.data[k]; });
}

void reference(const ir::ConvBackwardWeights& op, ReferenceContext& c) {
    const ReferenceTensor &x = c.operand(0), &y = c.operand(1);
    ReferenceTensor& w = c.result();
    for_each_product(op, x.type.shape, w.type.shape, y.type.shape,
                     [&](size_t i, size_t k, size_t o) { w.data[k] += x.data[i] * y.data[o]; });
}

void reference(const ir::Matmul& op, ReferenceContext& c) {
    const ReferenceTensor &a = c.operand(0), &b = c.operand(1);
    ReferenceTensor& y = c.result();
    const auto from_end = [](const ir::Shape& shape, size_t k) { return shape[shape.size() - k]; };
    const int64_t rows = from_end(y.type.shape, 2), columns = from_end(y.type.shape, 1);
    const int64_t inner = from_end(a.type.shape, op.transpose_a ? 2 : 1);
    const int64_t products = y.type.elements() / (rows * columns);
    for (int64_t i = 0; i < products; ++i)
        for (int64_t m = 0; m < rows; ++m)
            for (int64_t n = 0; n < columns; ++n)
                for (int64_t k = 0; k < inner; ++k)
                    y.data[(i * rows + m) * columns + n] +=
                        a.data[i * rows * inner + (op.transpose_a ? k * rows + m : m * inner + k)] *
                        b.data[i * inner * columns +
                               (op.transpose_b ? n * inner + k : k * columns + n)];
}

}  // namespace gmc::runtime
