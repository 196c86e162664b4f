// Pooling over windows. Windows that tile the image are axes of their own: reshape and reduce.
// Others are the slices that take every stride-th element, one per element of the window, folded.
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

/// What pools: the same steps for both kinds.
struct Pooling {
    bool max = false;
    std::vector<int64_t> size, stride;  ///< per spatial axis
    std::vector<Windows> windows;
};

/// x with `p.windows`' padding: of numbers that no maximum is, or of zeros.
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

/// Folds along one axis: element k of every window, k = 0 .. size - 1.
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

/// Windows that neither overlap nor leave elements out: [D, C] -> [D / size, size, C] and reduce.
ValueId fold_tiles(ir::Builder& b, ValueId x, const Pooling& p) {
    Shape tiles{b.shape(x)[0]};
    std::vector<int64_t> axes;
    for (size_t i = 0; i < p.size.size(); ++i) {
        tiles.push_back(p.windows[i].count);
        axes.push_back(static_cast<int64_t>(tiles.size()));
        tiles.push_back(p.size[i]);
    }
    tiles.push_back(b.shape(x).back());
    x = b.reshape(x, tiles);
    return p.max ? b.emit(ir::ReduceMax{axes}, {x}) : b.reduce_sum(x, axes);
}

/// 1 / (elements of the input in the window), for each window along one axis.
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
ValueId pooling(LayerScope& l, size_t axes, bool max) {
    if (!needs_spatial(l, axes)) return kNone;
    const Shape x = l.shape();
    Pooling p{max, per_axis(l, "pool"), {}, {}};
    p.stride = l.spec.has("stride") ? per_axis(l, "stride") : p.size;
    bool tiles = true, padding = false;
    for (size_t i = 0; i < axes; ++i) {
        const Windows w = windows_along(x[i + 1], p.size[i], p.stride[i], l.spec.word("padding"));
        if (w.count == 0)
            return l.wrong_shape("pool",
                                 fmt::format("a window of {} does not fit into {} of {}", p.size[i],
                                             x[i + 1], ir::to_string(example_of(x))));
        tiles = tiles && p.stride[i] == p.size[i] && w.count * p.size[i] == x[i + 1];
        padding = padding || w.begin + w.end > 0;
        p.windows.push_back(w);
    }
    ir::Builder& b = l.f.b;
    ValueId y = kNone;
    if (tiles) {
        y = fold_tiles(b, l.x(), p);
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

/// The axes between batch and channels; none after an error.
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
ValueId average_pooling1d(LayerScope& l) { return pooling(l, 1, false); }
ValueId average_pooling2d(LayerScope& l) { return pooling(l, 2, false); }

ValueId global_average_pooling(LayerScope& l) {
    const std::vector<int64_t> axes = positions(l);
    return axes.empty() ? kNone : l.f.b.reduce_mean(l.x(), axes);
}
ValueId global_max_pooling(LayerScope& l) {
    const std::vector<int64_t> axes = positions(l);
    return axes.empty() ? kNone : l.f.b.emit(ir::ReduceMax{axes}, {l.x()});
}

}  // namespace gmc::lower
