// The rules of convolutions and the matrix product. ONNX has channels behind the batch, gmc has
// them last: each convolution is put between two transposes, of which `peephole` leaves few.
#include <numeric>

#include "runtime/onnx/rules.h"

namespace gmc::onnx {
namespace {

using Axes = std::vector<int64_t>;

/// Operand i, a tensor of matrices, with these transposed if `transposed` says so.
std::string matrices(size_t i, bool transposed, Lowering& c) {
    const std::string x = c.full(i);
    if (!transposed) return x;
    Axes order(c.type(c.operand_id(i)).shape.size());
    std::iota(order.begin(), order.end(), 0);
    std::swap(order.back(), order[order.size() - 2]);
    return c.transpose(x, order);
}

/// [N, D..., C] -> [N, C, D...]
Axes channels_second(size_t spatial) {
    Axes out = {0, static_cast<int64_t>(spatial) + 1};
    for (size_t i = 1; i <= spatial; ++i) out.push_back(static_cast<int64_t>(i));
    return out;
}
/// [N, C, D...] -> [N, D..., C]
Axes channels_last(size_t spatial) {
    Axes out = {0};
    for (size_t i = 2; i < spatial + 2; ++i) out.push_back(static_cast<int64_t>(i));
    out.push_back(1);
    return out;
}
/// [K..., C/groups, F] -> [F, C/groups, K...], for Conv and ConvTranspose alike.
Axes filters_first(size_t spatial) {
    const auto s = static_cast<int64_t>(spatial);
    Axes out = {s + 1, s};
    for (int64_t i = 0; i < s; ++i) out.push_back(i);
    return out;
}

Axes joined(Axes a, const Axes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

/// The result, rounded to bf16 where its type says so.
void set_contraction(const std::string& result, Lowering& c) {
    c.set(c.rounds_result() ? c.rounded(result) : result);
}

}  // namespace

void lower(const ir::Conv& op, Lowering& c) {
    const size_t spatial = op.strides.size();
    const std::string y = c.node("Conv",
                                 {c.transpose(c.full(0), channels_second(spatial)),
                                  c.transpose(c.full(1), filters_first(spatial))},
                                 {{"strides", op.strides},
                                  {"pads", joined(op.pads_begin, op.pads_end)},
                                  {"dilations", op.dilations},
                                  {"group", op.groups}});
    set_contraction(c.transpose(y, channels_last(spatial)), c);
}

/// Positions at the end of the result that no window reaches are `output_padding`.
void lower(const ir::ConvBackwardData& op, Lowering& c) {
    const size_t spatial = op.strides.size();
    const ir::Shape &from = c.type(c.operand_id(0)).shape, &kernel = c.type(c.operand_id(1)).shape,
                    &to = c.type(c.result_id()).shape;
    Axes rest;
    for (size_t i = 0; i < spatial; ++i)
        rest.push_back(to[i + 1] + op.pads_begin[i] + op.pads_end[i] -
                       (from[i + 1] - 1) * op.strides[i] - op.dilations[i] * (kernel[i] - 1) - 1);
    const std::string x = c.node("ConvTranspose",
                                 {c.transpose(c.full(0), channels_second(spatial)),
                                  c.transpose(c.full(1), filters_first(spatial))},
                                 {{"strides", op.strides},
                                  {"pads", joined(op.pads_begin, op.pads_end)},
                                  {"dilations", op.dilations},
                                  {"output_padding", rest},
                                  {"group", op.groups}});
    set_contraction(c.transpose(x, channels_last(spatial)), c);
}

/// dW[k, c, f] = sum over n, y of x[n, stride y + dilation k - pad, c] diff[n, y, f]: a convolution
/// of x with diff as its weights, in which examples and channels have changed places, and so have
/// strides and dilations. Group g convolves the channels of group g: x is [c, groups N, D...], c
/// the channels of a group.
void lower(const ir::ConvBackwardWeights& op, Lowering& c) {
    const size_t spatial = op.strides.size();
    const ir::Shape& kernel = c.type(c.result_id()).shape;
    const Sizes& sizes = c.sizes(c.operand_id(0));
    const auto s = static_cast<int64_t>(spatial);
    const int64_t channels = kernel[spatial];
    Sizes split(sizes.begin(), sizes.end() - 1);
    split.insert(split.end(), {{op.groups, 0}, {channels, 0}});
    Axes order = {s + 2, s + 1, 0}, diff_order = {s + 1, 0}, first(spatial, 0), axes;
    Sizes joint = {{channels, 0}, {sizes[0].fixed * op.groups, sizes[0].per_batch * op.groups}};
    for (int64_t i = 1; i <= s; ++i) {
        order.push_back(i);
        diff_order.push_back(i);
        axes.push_back(i + 1);
        joint.push_back(sizes[static_cast<size_t>(i)]);
    }
    std::string x = c.full(0);
    if (op.groups == 1) {
        Axes simple = {s + 1, 0};
        simple.insert(simple.end(), order.begin() + 3, order.end());
        x = c.transpose(x, simple);
    } else {
        x = c.reshape(c.transpose(c.reshape(x, split), order), joint);
    }
    // [c, F, K...], of which windows that the forward pass left out are cut off.
    const std::string all = c.node("Conv", {x, c.transpose(c.full(1), diff_order)},
                                   {{"strides", op.dilations},
                                    {"pads", joined(op.pads_begin, op.pads_end)},
                                    {"dilations", op.strides},
                                    {"group", op.groups}});
    const Axes limits(kernel.begin(), kernel.begin() + s);
    const std::string cut =
        c.node("Slice", {all, c.constants(first), c.constants(limits), c.constants(axes)});
    Axes back = axes;
    back.insert(back.end(), {0, 1});
    set_contraction(c.transpose(cut, back), c);
}

void lower(const ir::Matmul& op, Lowering& c) {
    if (c.type(c.result_id()).rank() > 2) {
        set_contraction(
            c.node("MatMul", {matrices(0, op.transpose_a, c), matrices(1, op.transpose_b, c)}), c);
        return;
    }
    const std::string y =
        c.node("Gemm", {c.full(0), c.full(1)},
               {{"transA", int64_t{op.transpose_a}}, {"transB", int64_t{op.transpose_b}}});
    set_contraction(y, c);
}

}  // namespace gmc::onnx
