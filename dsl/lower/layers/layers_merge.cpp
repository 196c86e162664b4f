// Joins, names and cuts results of layers. Shapes in comments and messages leave out the batch.
#include "dsl/lower/layers/layers_merge.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "dsl/lower/broadcasting.h"

namespace gmc::lower {

using ir::kNone;
using ir::Shape;
using ir::ValueId;

namespace {

/// Names input i with its shape, as in "`a` [28,28,3]", by the name in `from`.
std::string named_shape(const LayerScope& l, size_t i) {
    const std::string shape = ir::to_string(example_of(l.f.b.shape(l.inputs[i])));
    return i < l.spec.from.size() ? fmt::format("`{}` {}", l.spec.from[i], shape) : shape;
}

/// Reports inputs 0 and i at the names in `from`; gives kNone.
ValueId do_not_fit(LayerScope& l, size_t i, const std::string& rule, const char* help = "") {
    Diagnostic& error = l.f.m.diagnostics.error(DiagnosticKind::kShapeMismatch, l.spec.from_span,
                                                "`{}` cannot take {} and {}: {}", l.spec.kind,
                                                named_shape(l, 0), named_shape(l, i), rule);
    error.note(l.spec.span, "the layer is here");
    if (*help != '\0') error.help(help);
    return kNone;
}

/// The axis of the batched shape that the key `axis` names; kNone after an error.
int64_t axis_of(LayerScope& l, const Shape& shape) {
    const int64_t axis = l.spec.integer("axis"), rank = static_cast<int64_t>(shape.size()) - 1;
    if (axis >= -rank && axis < rank) return axis < 0 ? axis + rank + 1 : axis + 1;
    l.wrong_shape("axis",
                  fmt::format("`axis` is {}, but {} has {} ax{}s", axis,
                              ir::to_string(example_of(shape)), rank, rank == 1 ? "i" : "e"));
    return kNone;
}

/// The shape of the result is found first, from all inputs; then each input is repeated to it and
/// joined on. Only the last op carries the layer's name.
template <typename Op>
ValueId element_wise(LayerScope& l) {
    ir::Builder& b = l.f.b;
    Shape example = example_of(l.shape());
    for (size_t i = 1; i < l.inputs.size(); ++i) {
        const auto common = common_example_shape(example, example_of(b.shape(l.inputs[i])));
        if (!common)
            return do_not_fit(l, i,
                              "sizes, counted from the last, must be equal or 1, and where both "
                              "repeat both need as many axes");
        example = *common;
    }
    const Shape shape = batched(l.shape()[0], example);
    ValueId result = spread(b, l.inputs[0], true, shape, true);
    for (size_t i = 1; i < l.inputs.size(); ++i) {
        const bool last = i + 1 == l.inputs.size();
        const ValueId operand = spread(b, l.inputs[i], true, shape, true);
        result = b.emit(Op{}, {result, operand}, last ? l.path : "");
    }
    return result;
}

}  // namespace

ValueId add(LayerScope& l) { return element_wise<ir::Add>(l); }
ValueId multiply(LayerScope& l) { return element_wise<ir::Mul>(l); }
ValueId subtract(LayerScope& l) { return element_wise<ir::Sub>(l); }
ValueId identity(LayerScope& l) { return l.x(); }

/// [.., a, ..], [.., b, ..] -> [.., a + b, ..].
ValueId concat(LayerScope& l) {
    const Shape first = l.shape();
    const int64_t axis = axis_of(l, first);
    if (axis == kNone) return kNone;
    for (size_t i = 1; i < l.inputs.size(); ++i) {
        Shape shape = l.f.b.shape(l.inputs[i]);
        if (shape.size() == first.size()) shape[axis] = first[axis];
        if (shape == first) continue;
        const bool number = shape.size() == 1 && first.size() == 2;
        return do_not_fit(
            l, i, fmt::format("sizes must be equal on all axes but {}", axis - 1),
            number ? "`shape: [1]` in the field of the data, or `reshape: [1]` before, makes a row "
                     "of one number; of labels `one_hot` makes a row"
                   : "");
    }
    return l.f.b.emit(ir::Concat{axis}, l.inputs, l.path);
}

/// The batch stays the first axis, so all axes of the key move up by one.
ValueId permute(LayerScope& l) {
    const int64_t rank = static_cast<int64_t>(l.shape().size()) - 1;
    std::vector<int64_t> order{0}, sorted;
    for (const int64_t axis : l.spec.integers("axes")) order.push_back(axis + 1);
    sorted = order;
    std::sort(sorted.begin(), sorted.end());
    if (sorted != ir::all_axes(rank + 1))
        return l.wrong_shape(
            "axes", fmt::format("`permute` of {} has to name each axis from 0 to {} once, not [{}]",
                                ir::to_string(example_of(l.shape())), rank - 1,
                                fmt::join(l.spec.integers("axes"), ", ")));
    return l.f.b.emit(ir::Transpose{order}, {l.x()}, l.path);
}

/// Positions outside of the axis are errors and not cut off as in Python: what is left would be
/// smaller than the model says.
ValueId slice(LayerScope& l) {
    const Shape shape = l.shape();
    const int64_t axis = axis_of(l, shape);
    if (axis == kNone) return kNone;
    const int64_t size = shape[axis], step = l.spec.integer("step");
    const auto from_end = [&](int64_t at) { return at < 0 ? at + size : at; };
    const int64_t start = from_end(l.spec.integer("start"));
    const int64_t stop = l.spec.has("stop") ? from_end(l.spec.integer("stop")) : size;
    if (start < 0 || start >= stop || stop > size)
        return l.wrong_shape(
            l.spec.has("stop") ? "stop" : "start",
            fmt::format("`slice` takes positions from {} to below {}, but the axis of {} has "
                        "positions from 0 to {}",
                        start, stop, ir::to_string(example_of(shape)), size - 1));
    ir::Slice op{Shape(shape.size(), 0), shape, {}};
    op.starts[axis] = start;
    op.limits[axis] = stop;
    if (step > 1) {
        op.strides.assign(shape.size(), 1);
        op.strides[axis] = step;
    }
    return l.f.b.emit(op, {l.x()}, l.path);
}

}  // namespace gmc::lower
