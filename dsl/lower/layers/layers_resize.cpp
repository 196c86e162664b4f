// Up-sampling, and borders that are added or removed. Each axis is treated by itself.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "dsl/lower/layers/layers_window.h"
#include "dsl/lower/layers/spatial.h"

namespace gmc::lower {
namespace {

using ir::kNone;
using ir::Shape;
using ir::ValueId;

/// The elements from `start` up to, not including, `limit` along one axis.
ValueId slice_axis(ir::Builder& b, ValueId x, size_t axis, int64_t start, int64_t limit) {
    ir::Slice slice{Shape(b.shape(x).size(), 0), b.shape(x)};
    slice.starts[axis] = start;
    slice.limits[axis] = limit;
    return b.emit(slice, {x});
}

/// The parts one after another along the axis.
ValueId join(ir::Builder& b, size_t axis, const std::vector<ValueId>& parts) {
    return parts.size() == 1 ? parts[0] : b.emit(ir::Concat{static_cast<int64_t>(axis)}, parts);
}

/// Repeats each element `count` times along a new axis after `axis`.
ValueId repeat_behind(ir::Builder& b, ValueId x, size_t axis, int64_t count) {
    Shape shape = b.shape(x);
    std::vector<int64_t> dims;
    for (size_t i = 0; i < shape.size(); ++i)
        dims.push_back(static_cast<int64_t>(i <= axis ? i : i + 1));
    shape.insert(shape.begin() + static_cast<int64_t>(axis) + 1, count);
    return b.broadcast(x, dims, shape);
}

/// Merges an axis with the next: [.., D, size, ..] -> [.., D size, ..].
ValueId merge_with_next(ir::Builder& b, ValueId x, size_t axis) {
    Shape shape = b.shape(x);
    shape[axis] *= shape[axis + 1];
    shape.erase(shape.begin() + static_cast<int64_t>(axis) + 1);
    return b.reshape(x, shape);
}

/// Repeats each element `size` times along the axis.
ValueId nearest(ir::Builder& b, ValueId x, size_t axis, int64_t size) {
    return merge_with_next(b, repeat_behind(b, x, axis, size), axis);
}

/// Linear interpolation along one axis, with pixels' centres at 1/2. Element i size + r of the
/// result lies at i + t with t = (r + 1/2) / size - 1/2, so between element i and one of its
/// neighbours; the first and the last element are their own neighbours.
ValueId linear(ir::Builder& b, ValueId x, size_t axis, int64_t size) {
    const int64_t length = b.shape(x)[axis];
    const ValueId first = slice_axis(b, x, axis, 0, 1),
                  last = slice_axis(b, x, axis, length - 1, length);
    ValueId before = first, behind = last;
    if (length > 1) {
        before = join(b, axis, {first, slice_axis(b, x, axis, 0, length - 1)});
        behind = join(b, axis, {slice_axis(b, x, axis, 1, length), last});
    }
    const double step = 1.0 / static_cast<double>(size);
    const ValueId r = b.emit_typed(ir::Iota{1, size}, {}, ir::f32({size}));
    const ValueId t = b.offset(b.scale(r, step), 0.5 * step - 0.5);
    const auto part = [&](ValueId value, ValueId weight) {
        const ValueId spread = repeat_behind(b, value, axis, size);
        return b.mul(spread,
                     b.broadcast(weight, {static_cast<int64_t>(axis) + 1}, b.shape(spread)));
    };
    const auto positive = [&](ValueId v) { return b.emit(ir::LeakyRelu{0}, {v}); };
    const ValueId own = b.offset(b.neg(b.emit(ir::Abs{}, {t})), 1);
    const ValueId sum =
        b.add(part(x, own), b.add(part(before, positive(b.neg(t))), part(behind, positive(t))));
    return merge_with_next(b, sum, axis);
}

/// One axis after the other; bi- and trilinear interpolation is linear interpolation along each.
ValueId up_sampling(LayerScope& l, size_t axes) {
    if (!needs_spatial(l, axes)) return kNone;
    const std::vector<int64_t> size = per_axis(l, "size");
    const bool between = l.spec.has("interpolation") && l.spec.word("interpolation") != "nearest";
    ValueId x = l.x();
    for (size_t i = 0; i < axes; ++i)
        if (size[i] > 1) x = (between ? linear : nearest)(l.f.b, x, i + 1, size[i]);
    return x;
}

/// What a layer adds or removes at both ends of a spatial axis.
struct Border {
    /// The key that says so.
    std::string key;
    int64_t begin = 0, end = 0;
};

/// The names of the spatial axes of an example, which are keys of `pad` and `crop`.
std::vector<std::string> axis_names(size_t axes) {
    if (axes == 1) return {"length"};
    if (axes == 2) return {"height", "width"};
    return {"depth", "height", "width"};
}

/// The border of each spatial axis: `size` holds for those that no other key names. Empty after an
/// error.
std::vector<Border> borders(LayerScope& l) {
    const std::string shape = ir::to_string(example_of(l.shape()));
    if (l.shape().size() < 3 || l.shape().size() > 5) {
        l.wrong_shape("", fmt::format("`{}` needs [length, channels], [height, width, channels] or "
                                      "[depth, height, width, channels], got {}",
                                      l.spec.kind, shape));
        return {};
    }
    const std::vector<std::string> names = axis_names(l.shape().size() - 2);
    bool any = l.spec.has("size");
    for (const char* key : {"length", "depth", "height", "width"}) {
        any |= l.spec.has(key);
        if (!l.spec.has(key) || std::count(names.begin(), names.end(), key) != 0) continue;
        l.wrong_shape(key, fmt::format("{} has no axis `{}`, only `{}`", shape, key,
                                       fmt::join(names, "`, `")));
        return {};
    }
    if (!any) {
        l.f.m.diagnostics
            .error(DiagnosticKind::kMissingKey, l.spec.span, "`{}` does not say how many elements",
                   l.spec.kind)
            .help(fmt::format("write `{}: 2` or, as its value, `{{{}: [0, 1]}}`", l.spec.kind,
                              names.front()));
        return {};
    }
    const int64_t all = l.spec.has("size") ? l.spec.integer("size") : 0;
    std::vector<Border> result;
    for (const std::string& name : names) {
        result.push_back({l.spec.has(name) ? name : "size", all, all});
        if (!l.spec.has(name)) continue;
        result.back().begin = l.spec.integers(name)[0];
        result.back().end = l.spec.integers(name)[1];
    }
    return result;
}

/// Adds `count` mirrored elements, starting at `start`, as slices of one element for `concat`.
void add_mirrored(ir::Builder& b, ValueId x, size_t axis, int64_t start, int64_t count,
                  std::vector<ValueId>& parts) {
    for (int64_t k = 0; k < count; ++k)
        parts.push_back(slice_axis(b, x, axis, start - k, start - k + 1));
}

/// Builds the border of one axis from slices of x. `reflect` mirrors about the edge without
/// repeating it: [a b c] with a border of 2 is [c b a b c b a]; `edge` gives [a a a b c c c].
ValueId pad_axis(ir::Builder& b, ValueId x, size_t axis, const Border& border,
                 const std::string& mode) {
    const int64_t length = b.shape(x)[axis];
    std::vector<ValueId> parts;
    const auto add_edge = [&](int64_t at, int64_t count) {
        if (count > 0) parts.push_back(nearest(b, slice_axis(b, x, axis, at, at + 1), axis, count));
    };
    if (mode == "edge")
        add_edge(0, border.begin);
    else
        add_mirrored(b, x, axis, border.begin, border.begin, parts);
    parts.push_back(x);
    if (mode == "edge")
        add_edge(length - 1, border.end);
    else
        add_mirrored(b, x, axis, length - 2, border.end, parts);
    return join(b, axis, parts);
}

}  // namespace

ValueId depth_to_space(LayerScope& l) {
    if (!needs_spatial(l, 2)) return kNone;
    const Shape x = l.shape();
    const std::vector<int64_t> size = per_axis(l, "size");
    const int64_t block = size[0] * size[1];
    if (x[3] % block != 0)
        return l.wrong_shape(
            "size", fmt::format("`depth_to_space` makes blocks of {} x {} of the channels, but {} "
                                "does not divide the {} channels of {}",
                                size[0], size[1], block, x[3], ir::to_string(example_of(x))));
    ir::Builder& b = l.f.b;
    const ValueId split = b.reshape(l.x(), {x[0], x[1], x[2], size[0], size[1], x[3] / block});
    return b.reshape(b.transpose(split, {0, 1, 3, 2, 4, 5}),
                     {x[0], x[1] * size[0], x[2] * size[1], x[3] / block});
}

ValueId space_to_depth(LayerScope& l) {
    if (!needs_spatial(l, 2)) return kNone;
    const Shape x = l.shape();
    const std::vector<int64_t> size = per_axis(l, "size");
    if (x[1] % size[0] != 0 || x[2] % size[1] != 0)
        return l.wrong_shape(
            "size", fmt::format("`space_to_depth` cuts into blocks of {} x {}, into which {} x {} "
                                "of {} cannot be cut",
                                size[0], size[1], x[1], x[2], ir::to_string(example_of(x))));
    ir::Builder& b = l.f.b;
    const int64_t rows = x[1] / size[0], columns = x[2] / size[1];
    const ValueId split = b.reshape(l.x(), {x[0], rows, size[0], columns, size[1], x[3]});
    return b.reshape(b.transpose(split, {0, 1, 3, 2, 4, 5}),
                     {x[0], rows, columns, size[0] * size[1] * x[3]});
}

ValueId up_sampling1d(LayerScope& l) { return up_sampling(l, 1); }
ValueId up_sampling2d(LayerScope& l) { return up_sampling(l, 2); }
ValueId up_sampling3d(LayerScope& l) { return up_sampling(l, 3); }

/// [D..., C] -> [begin + D + end ..., C].
ValueId pad(LayerScope& l) {
    const std::vector<Border> all = borders(l);
    if (all.empty()) return kNone;
    const std::string& mode = l.spec.word("mode");
    const Shape shape = l.shape();
    ir::Builder& b = l.f.b;
    if (mode == "zeros") {
        ir::Pad op{Shape(shape.size(), 0), Shape(shape.size(), 0)};
        for (size_t i = 0; i < all.size(); ++i)
            op.low[i + 1] = all[i].begin, op.high[i + 1] = all[i].end;
        return b.emit(op, {l.x()}, l.path);
    }
    ValueId x = l.x();
    for (size_t i = 0; i < all.size(); ++i) {
        const int64_t most = std::max(all[i].begin, all[i].end);
        if (mode == "reflect" && most >= shape[i + 1])
            return l.wrong_shape(all[i].key,
                                 fmt::format("a reflected border of {} does not fit an axis of {} "
                                             "in {}: it can be at most {}",
                                             most, shape[i + 1], ir::to_string(example_of(shape)),
                                             shape[i + 1] - 1));
        x = pad_axis(b, x, i + 1, all[i], mode);
    }
    return x;
}

/// [D..., C] -> [D - begin - end ..., C].
ValueId crop(LayerScope& l) {
    const std::vector<Border> all = borders(l);
    if (all.empty()) return kNone;
    const Shape shape = l.shape();
    ir::Slice slice{Shape(shape.size(), 0), shape};
    for (size_t i = 0; i < all.size(); ++i) {
        slice.starts[i + 1] = all[i].begin;
        slice.limits[i + 1] -= all[i].end;
        if (slice.starts[i + 1] >= slice.limits[i + 1])
            return l.wrong_shape(all[i].key,
                                 fmt::format("`crop` takes {} and {} elements off an axis of {} in "
                                             "{}, which leaves none",
                                             all[i].begin, all[i].end, shape[i + 1],
                                             ir::to_string(example_of(shape))));
    }
    return l.f.b.emit(slice, {l.x()}, l.path);
}

}  // namespace gmc::lower
