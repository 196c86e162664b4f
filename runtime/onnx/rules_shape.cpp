// The rules of ops that move elements, and of reductions.
#include <algorithm>
#include <limits>

#include "runtime/onnx/rules.h"

namespace gmc::onnx {

/// ONNX repeats a tensor along missing front axes and along axes of size 1. So the tensor stays as
/// it is where its axes are the last ones of the result; else it gets axes of size 1 between them.
void lower(const ir::Broadcast& op, Lowering& c) {
    const ir::ValueId x = c.operand_id(0);
    const size_t rank = c.sizes(c.result_id()).size();
    std::vector<bool> spread(rank, false);
    Sizes target(rank, Size{1, 0});
    bool last = true;
    for (size_t i = 0; i < op.dims.size(); ++i) {
        const auto axis = static_cast<size_t>(op.dims[i]);
        spread[axis] = c.spread(x)[i];
        if (spread[axis]) target[axis] = c.sizes(x)[i];
        last &= axis == rank - op.dims.size() + i;
    }
    const bool fits = last || c.is_one_number(x);
    c.set_small(fits ? c.operand(0) : c.reshape(c.operand(0), target), spread);
}

void lower(const ir::Concat& op, Lowering& c) {
    std::vector<std::string> parts;
    for (size_t i = 0; i < c.operand_count(); ++i) parts.push_back(c.full(i));
    c.set(c.node("Concat", parts, {{"axis", op.axis}}));
}

namespace {

/// `x` with `low` and `high` zeros before and behind.
std::string padded(const std::string& x, std::vector<int64_t> low, const std::vector<int64_t>& high,
                   Lowering& c) {
    low.insert(low.end(), high.begin(), high.end());
    return c.node("Pad", {x, c.constants(low)});
}

/// `x` with `gap` zeros behind each position of `axis` but the last: each gets an axis of its own,
/// which is padded. `sizes` become those of the result.
std::string spaced(std::string x, size_t axis, int64_t gap, Sizes& sizes, Lowering& c) {
    Sizes split = sizes;
    const auto behind = static_cast<std::ptrdiff_t>(axis + 1);
    split.insert(split.begin() + behind, Size{1, 0});
    std::vector<int64_t> none(split.size(), 0), high(split.size(), 0);
    high[axis + 1] = gap;
    x = padded(c.reshape(x, split), none, high, c);
    sizes[axis] = {sizes[axis].fixed * (gap + 1), sizes[axis].per_batch * (gap + 1)};
    x = c.reshape(x, sizes);
    sizes[axis].fixed -= gap;
    const auto number = static_cast<int64_t>(axis);
    return c.node("Slice", {x, c.constants({0}), c.constants({-gap}), c.constants({number})});
}

}  // namespace

/// Each operand as a row, with zeros up to where the next begins.
void lower(const ir::Pack&, Lowering& c) {
    std::vector<std::string> parts;
    for (size_t i = 0; i < c.operand_count(); ++i) {
        const int64_t elements = c.type(c.operand_id(i)).elements();
        std::string part = c.reshape(c.full(i), {{elements, 0}});
        const int64_t gap = ir::packed_size(elements) - elements;
        parts.push_back(gap == 0 ? part : padded(part, {0}, {gap}, c));
    }
    c.set(c.node("Concat", parts, {{"axis", int64_t{0}}}));
}

void lower(const ir::Pad& op, Lowering& c) {
    std::string x = c.full(0);
    Sizes sizes = c.sizes(c.operand_id(0));
    for (size_t axis = 0; axis < sizes.size(); ++axis)
        if (op.gap(axis) != 0) x = spaced(x, axis, op.gap(axis), sizes, c);
    const auto is_zero = [](int64_t n) { return n == 0; };
    const bool pads = !std::all_of(op.low.begin(), op.low.end(), is_zero) ||
                      !std::all_of(op.high.begin(), op.high.end(), is_zero);
    c.set(pads ? padded(x, op.low, op.high, c) : x);
}

void lower(const ir::Reshape&, Lowering& c) { c.set(c.reshape(c.full(0), c.sizes(c.result_id()))); }

/// Positions along an axis that grows are multiples of the batch, where they can be.
void lower(const ir::Slice& op, Lowering& c) {
    const Sizes& sizes = c.sizes(c.operand_id(0));
    Sizes starts, limits;
    std::vector<int64_t> axes, strides;
    for (size_t axis = 0; axis < sizes.size(); ++axis) {
        const int64_t size = sizes[axis].at(c.batch_size());
        if (op.starts[axis] == 0 && op.limits[axis] == size && op.stride(axis) == 1) continue;
        const bool in_batches = c.sizes(c.result_id())[axis].grows();
        const auto position = [&](int64_t at) {
            return in_batches ? Size{0, at / c.batch_size()} : Size{at, 0};
        };
        starts.push_back(position(op.starts[axis]));
        limits.push_back(position(op.limits[axis]));
        axes.push_back(static_cast<int64_t>(axis));
        strides.push_back(op.stride(axis));
    }
    if (axes.empty()) return c.set_to_operand();
    c.set(c.node("Slice", {c.full(0), c.shape(starts), c.shape(limits), c.constants(axes),
                           c.constants(strides)}));
}

void lower(const ir::Transpose& op, Lowering& c) { c.set(c.transpose(c.full(0), op.permutation)); }

void lower(const ir::ReduceMax& op, Lowering& c) {
    if (op.axes.empty()) return c.set_to_operand();
    c.set(c.node("ReduceMax", {c.full(0)}, {{"axes", op.axes}, {"keepdims", int64_t{0}}}));
}

void lower(const ir::AllGather&, Lowering& c) { c.set_to_operand(); }

void lower(const ir::AllReduce&, Lowering& c) { c.set_to_operand(); }

/// gmrun makes these when it trains: no function that is exported has one.
void lower(const ir::GatherParts&, Lowering&) { GMC_CHECK(false, "`gather_parts` in ONNX"); }
void lower(const ir::OwnPart&, Lowering&) { GMC_CHECK(false, "`own_part` in ONNX"); }
void lower(const ir::ReduceScatter&, Lowering&) { GMC_CHECK(false, "`reduce_scatter` in ONNX"); }

void lower(const ir::ReduceSum& op, Lowering& c) {
    if (op.axes.empty()) return c.set_to_operand();
    c.set(c.node("ReduceSum", {c.full(0), c.constants(op.axes)}, {{"keepdims", int64_t{0}}}));
}

}  // namespace gmc::onnx
