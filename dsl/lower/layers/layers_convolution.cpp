// One function for convolutions and one for their transposes, for any number of spatial axes. They
// get their weights: a layer's own parameter, or its second input.
#include "dsl/lower/layers/layers_convolution.h"

#include <fmt/format.h>

#include "dsl/lower/layers/spatial.h"

namespace gmc::lower {
namespace {

using ir::kNone;
using ir::Shape;
using ir::ValueId;

/// Reports groups that do not divide the channels and the filters.
bool groups_fit(LayerScope& l, int64_t filters) {
    const int64_t groups = l.spec.integer("groups");
    const auto divides = [&](int64_t count, const char* what) {
        if (count % groups == 0) return true;
        l.wrong_shape("groups", fmt::format("{} groups do not divide the {} {} of `{}`", groups,
                                            count, what, l.spec.kind));
        return false;
    };
    return divides(l.channels(), "channels of the input") && divides(filters, "filters");
}

/// A key as one number per spatial axis, also where the file has one for all; empty after an error.
std::vector<int64_t> for_axes(LayerScope& l, const std::string& key) {
    std::vector<int64_t> values = per_axis(l, key);
    const size_t axes = l.shape().size() - 2;
    if (values.size() == 1) values.resize(axes, values.front());
    if (values.size() == axes) return values;
    l.wrong_shape(key, fmt::format("`{}` has {} numbers, but {} has {} axes before its channels",
                                   key, values.size(), ir::to_string(example_of(l.shape())), axes));
    return {};
}

/// x[D..., C], weights[K..., C / groups, F] -> [D'..., F].
ValueId convolution(LayerScope& l, ValueId weights) {
    const Shape x = l.shape(), w = l.f.b.shape(weights);
    const auto stride = for_axes(l, "stride"), dilation = for_axes(l, "dilation");
    if (stride.empty() || dilation.empty()) return kNone;
    ir::Conv op{{stride, {}, {}, dilation, l.spec.integer("groups")}};
    for (size_t i = 0; i < stride.size(); ++i) {
        const int64_t span = dilation[i] * (w[i] - 1) + 1;
        const Windows windows = windows_along(x[i + 1], span, stride[i], l.spec.word("padding"));
        if (windows.count == 0)
            return l.wrong_shape(
                "kernel", fmt::format("a kernel that spans {} does not fit into {} of {}", span,
                                      x[i + 1], ir::to_string(example_of(x))));
        op.pads_begin.push_back(windows.begin);
        op.pads_end.push_back(windows.end);
    }
    return l.f.b.emit(op, {l.x(), weights}, l.path);
}

/// x[D..., C], weights[K..., F / groups, C] -> [D'..., F], as the gradient of a convolution from F
/// to C channels.
/// `same`: D' = D stride. `valid`: D' = (D - 1) stride + the kernel's span, which is every element
/// that D windows touch.
ValueId transposed_convolution(LayerScope& l, ValueId weights) {
    const Shape x = l.shape(), w = l.f.b.shape(weights);
    const auto stride = for_axes(l, "stride"), dilation = for_axes(l, "dilation");
    if (stride.empty() || dilation.empty()) return kNone;
    const std::string& padding = l.spec.word("padding");
    const int64_t groups = l.spec.integer("groups");
    ir::ConvBackwardData op{{stride, {}, {}, dilation, groups}};
    Shape y{x[0]};
    for (size_t i = 0; i < stride.size(); ++i) {
        const int64_t span = dilation[i] * (w[i] - 1) + 1;
        y.push_back(padding == "same" ? x[i + 1] * stride[i] : (x[i + 1] - 1) * stride[i] + span);
        const Windows windows = windows_along(y.back(), span, stride[i], padding);
        op.pads_begin.push_back(windows.begin);
        op.pads_end.push_back(windows.end);
    }
    y.push_back(w[w.size() - 2] * groups);
    return l.f.b.emit_typed(op, {l.x(), weights}, ir::f32(y), l.path);
}

/// A layer with weights of its own, as the op `conv` reads them.
ValueId with_own_weights(LayerScope& l, size_t axes, bool transposed) {
    const int64_t filters = l.spec.integer("filters"), groups = l.spec.integer("groups");
    if (!needs_spatial(l, axes) || !groups_fit(l, filters)) return kNone;
    Shape shape = per_axis(l, "kernel");
    shape.push_back((transposed ? filters : l.channels()) / groups);
    shape.push_back(transposed ? l.channels() : filters);
    const ValueId weights = l.parameter("weight", shape);
    const ValueId y = transposed ? transposed_convolution(l, weights) : convolution(l, weights);
    return y == kNone ? kNone : l.with_bias(y, filters);
}

/// The second input, which has to be the same for every example and to fit x; kNone after an error.
/// The last axis of the weights is that of the filters; in a transposed convolution, of x's
/// channels.
ValueId given_weights(LayerScope& l, bool transposed) {
    const Shape x = example_of(l.shape());
    const size_t axes = x.size() - 1;
    const auto same = l.f.same_for_all.find(l.inputs[1]);
    if (same == l.f.same_for_all.end())
        return l.wrong_shape("",
                             fmt::format("the weights of `{}` are others for each example; they "
                                         "have to be the same for all",
                                         l.spec.kind),
                             "factors of an example's own can be factors of the input's channels "
                             "before, and of the result's behind");
    if (axes < 1 || axes > 3)
        return l.wrong_shape("",
                             fmt::format("`{}` needs one to three axes before the channels, got "
                                         "{}",
                                         l.spec.kind, ir::to_string(x)));
    const Shape w = l.f.b.shape(same->second);
    const int64_t groups = l.spec.integer("groups");
    const bool ranks_fit = w.size() == axes + 2;
    if (!ranks_fit || (transposed ? w.back() : w[axes] * groups) != x.back()) {
        std::string wanted;
        for (size_t i = 0; i < axes; ++i) wanted += "kernel, ";
        const std::string each = groups == 1 ? "" : fmt::format(" / {}", groups);
        wanted += transposed ? fmt::format("filters{}, {}", each, x.back())
                             : fmt::format("{}{}, filters", x.back(), each);
        return l.wrong_shape("", fmt::format("`{}` of {} needs weights [{}], got {}", l.spec.kind,
                                             ir::to_string(x), wanted, ir::to_string(w)));
    }
    const int64_t filters = transposed ? w[axes] * groups : w.back();
    return groups_fit(l, filters) ? same->second : kNone;
}

}  // namespace

ValueId conv1d(LayerScope& l) { return with_own_weights(l, 1, false); }
ValueId conv2d(LayerScope& l) { return with_own_weights(l, 2, false); }
ValueId conv3d(LayerScope& l) { return with_own_weights(l, 3, false); }
ValueId conv1d_transpose(LayerScope& l) { return with_own_weights(l, 1, true); }
ValueId conv2d_transpose(LayerScope& l) { return with_own_weights(l, 2, true); }
ValueId conv3d_transpose(LayerScope& l) { return with_own_weights(l, 3, true); }

ValueId convolve(LayerScope& l) {
    const ValueId weights = given_weights(l, false);
    return weights == kNone ? kNone : convolution(l, weights);
}

ValueId convolve_transpose(LayerScope& l) {
    const ValueId weights = given_weights(l, true);
    return weights == kNone ? kNone : transposed_convolution(l, weights);
}

}  // namespace gmc::lower
