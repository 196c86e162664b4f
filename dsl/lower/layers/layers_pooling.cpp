// Pooling over windows. Windows that lie side by side become an axis of their own, which is then
// reduced. Other windows are folded from slices: for each position in the window, one slice takes
// that element of every window.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "dsl/lower/layers/layers_window.h"
#include "dsl/lower/layers/spatial.h"

namespace gmc::lower {
namespace {

using ir::kNone;
using ir::Shape;
using ir::ValueId;

/// What max and average pooling have in common.
struct Pooling {
    bool max = false;
    /// Per spatial axis.
    std::vector<int64_t> size, stride;
    std::vector<Windows> windows;
};

/// x padded as `p.windows` says: for max pooling by numbers below any other, for average pooling by
/// zeros.
/// Padding is never the largest, since every window of `same` has an element inside the input;
/// zeros do not change a sum.
ValueId padded(ir::Builder& b, ValueId x, const Pooling& p) {
    for (size_t i = 0; i < p.windows.size(); ++i) {
        const auto axis = static_cast<int64_t>(i + 1);
        const Windows& w = p.windows[i];
        if (w.begin == 0 && w.end == 0) continue;
        const double border = p.max ? std::numeric_limits<float>::lowest() : 0;
        std::vector<ValueId> parts;
        const auto add_border = [&](int64_t count) {
            Shape shape = b.shape(x);
            shape[axis] = count;
            if (count > 0) parts.push_back(b.constant(border, shape));
        };
        add_border(w.begin);
        parts.push_back(x);
        add_border(w.end);
        x = b.emit(ir::Concat{axis}, parts);
    }
    return x;
}

/// Folds the windows along one axis: combines the slices of elements k = 0 .. size - 1 of every
/// window.
/// One axis after the other: a window of 3 x 3 takes 3 + 3 slices instead of 9, because the largest
/// of a window is the largest of its rows' largest, and sums likewise.
ValueId fold_axis(ir::Builder& b, ValueId x, const Pooling& p, size_t i) {
    const Shape shape = b.shape(x);
    ValueId result = kNone;
    for (int64_t k = 0; k < p.size[i]; ++k) {
        ir::Slice slice{Shape(shape.size(), 0), shape, Shape(shape.size(), 1)};
        slice.starts[i + 1] = k;
        slice.limits[i + 1] = k + (p.windows[i].count - 1) * p.stride[i] + 1;
        slice.strides[i + 1] = p.stride[i];
        const ValueId element = b.emit(slice, {x});
        result = k == 0  ? element
                 : p.max ? b.emit(ir::Maximum{}, {element, result})
                         : b.add(result, element);
    }
    return result;
}

/// Windows that neither overlap nor leave elements out: reshapes [D, C] to [D / size, size, C] and
/// reduces.
ValueId fold_side_by_side(ir::Builder& b, ValueId x, const Pooling& p) {
    Shape split{b.shape(x)[0]};
    std::vector<int64_t> axes;
    for (size_t i = 0; i < p.size.size(); ++i) {
        split.push_back(p.windows[i].count);
        axes.push_back(static_cast<int64_t>(split.size()));
        split.push_back(p.size[i]);
    }
    split.push_back(b.shape(x).back());
    x = b.reshape(x, split);
    return p.max ? b.emit(ir::ReduceMax{axes}, {x}) : b.reduce_sum(x, axes);
}

/// 1 / (number of the window's elements that lie inside the input), for each window along one axis.
/// Only the first and last few windows differ from the others, so the vector is made of a few
/// constant pieces: for a size of 5, windows of 3 with stride 2 and one element of padding, it is
/// [1/2, 1/3, 1/2].
ValueId inverse_counts(ir::Builder& b, const Pooling& p, size_t i, int64_t size) {
    const Windows& w = p.windows[i];
    std::vector<ValueId> runs;
    int64_t length = 0, before = 0;
    const auto add_run = [&] {
        if (length > 0) runs.push_back(b.constant(1.0 / static_cast<double>(before), {length}));
    };
    for (int64_t k = 0; k < w.count; ++k) {
        const int64_t first = k * p.stride[i] - w.begin;
        const int64_t inside = std::min(first + p.size[i], size) - std::max<int64_t>(first, 0);
        if (inside != before) add_run(), length = 0;
        before = inside, ++length;
    }
    add_run();
    return runs.size() == 1 ? runs[0] : b.emit(ir::Concat{0}, runs);
}

/// [D..., C] -> [D'..., C].
/// Finds the windows of each axis, folds them side by side where possible (the usual case, pool 2
/// with stride 2), otherwise by slices; an average is then divided by the number of elements, which
/// at a padded border is smaller and so a vector per axis.
ValueId pooling(LayerScope& l, size_t axes, bool max) {
    if (!needs_spatial(l, axes)) return kNone;
    const Shape x = l.shape();
    Pooling p{max, per_axis(l, "pool"), {}, {}};
    p.stride = l.spec.has("stride") ? per_axis(l, "stride") : p.size;
    bool side_by_side = true, padding = false;
    for (size_t i = 0; i < axes; ++i) {
        const Windows w = windows_along(x[i + 1], p.size[i], p.stride[i], l.spec.word("padding"));
        if (w.count == 0)
            return l.wrong_shape("pool",
                                 fmt::format("a window of {} does not fit into {} of {}", p.size[i],
                                             x[i + 1], ir::to_string(example_of(x))));
        side_by_side = side_by_side && p.stride[i] == p.size[i] && w.count * p.size[i] == x[i + 1];
        padding = padding || w.begin + w.end > 0;
        p.windows.push_back(w);
    }
    ir::Builder& b = l.f.b;
    ValueId y = kNone;
    if (side_by_side) {
        y = fold_side_by_side(b, l.x(), p);
    } else {
        y = padded(b, l.x(), p);
        for (size_t i = 0; i < axes; ++i) y = fold_axis(b, y, p, i);
    }
    if (max) return y;
    if (!padding) {
        int64_t elements = 1;
        for (int64_t size : p.size) elements *= size;
        return b.scale(y, 1.0 / static_cast<double>(elements));
    }
    for (size_t i = 0; i < axes; ++i)
        y = b.mul(y, b.broadcast(inverse_counts(b, p, i, x[i + 1]), {static_cast<int64_t>(i + 1)},
                                 b.shape(y)));
    return y;
}

/// The axes between batch and channels; empty after an error.
std::vector<int64_t> positions(LayerScope& l) {
    const int64_t rank = static_cast<int64_t>(l.shape().size());
    std::vector<int64_t> axes;
    for (int64_t axis = 1; axis + 1 < rank; ++axis) axes.push_back(axis);
    if (axes.empty())
        l.wrong_shape("", fmt::format("`{}` needs positions before the channels, such as [height, "
                                      "width, channels], got {}",
                                      l.spec.kind, ir::to_string(example_of(l.shape()))));
    return axes;
}

}  // namespace

ValueId max_pooling1d(LayerScope& l) { return pooling(l, 1, true); }
ValueId max_pooling2d(LayerScope& l) { return pooling(l, 2, true); }
ValueId max_pooling3d(LayerScope& l) { return pooling(l, 3, true); }
ValueId average_pooling1d(LayerScope& l) { return pooling(l, 1, false); }
ValueId average_pooling2d(LayerScope& l) { return pooling(l, 2, false); }
ValueId average_pooling3d(LayerScope& l) { return pooling(l, 3, false); }

ValueId global_average_pooling(LayerScope& l) {
    const std::vector<int64_t> axes = positions(l);
    return axes.empty() ? kNone : l.f.b.reduce_mean(l.x(), axes);
}
ValueId global_max_pooling(LayerScope& l) {
    const std::vector<int64_t> axes = positions(l);
    return axes.empty() ? kNone : l.f.b.emit(ir::ReduceMax{axes}, {l.x()});
}

}  // namespace gmc::lower
