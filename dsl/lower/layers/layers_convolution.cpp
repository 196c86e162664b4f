// One function for convolutions and one for their transposes, for any number of spatial axes.
#include "dsl/lower/layers/layers_convolution.h"

#include <fmt/format.h>

#include "dsl/lower/layers/spatial.h"

namespace gmc::lower {
namespace {

using ir::kNone;
using ir::Shape;
using ir::ValueId;

/// Reports groups that do not divide the channels and the filters.
bool groups_fit(LayerScope& l) {
    const int64_t groups = l.spec.integer("groups");
    const auto divides = [&](int64_t count, const char* what) {
        if (count % groups == 0) return true;
        l.wrong_shape("groups", fmt::format("{} groups do not divide the {} {} of `{}`", groups,
                                            count, what, l.spec.kind));
        return false;
    };
    return divides(l.channels(), "channels of the input") &&
           divides(l.spec.integer("filters"), "filters");
}

/// The shape of the weights as the op `conv` reads them, [K..., input / groups, output].
Shape weight_shape(const LayerScope& l, int64_t input, int64_t output) {
    Shape shape = per_axis(l, "kernel");
    shape.push_back(input / l.spec.integer("groups"));
    shape.push_back(output);
    return shape;
}

/// [D..., C] -> [D'..., filters].
ValueId convolution(LayerScope& l, size_t axes) {
    if (!needs_spatial(l, axes) || !groups_fit(l)) return kNone;
    const Shape x = l.shape();
    const auto kernel = per_axis(l, "kernel"), stride = per_axis(l, "stride"),
               dilation = per_axis(l, "dilation");
    const std::string& padding = l.spec.word("padding");
    ir::Conv op{{stride, {}, {}, dilation, l.spec.integer("groups")}};
    for (size_t i = 0; i < axes; ++i) {
        const int64_t span = dilation[i] * (kernel[i] - 1) + 1;
        const Windows windows = windows_along(x[i + 1], span, stride[i], padding);
        if (windows.count == 0)
            return l.wrong_shape(
                "kernel", fmt::format("a kernel that spans {} does not fit into {} of {}", span,
                                      x[i + 1], ir::to_string(example_of(x))));
        op.pads_begin.push_back(windows.begin);
        op.pads_end.push_back(windows.end);
    }
    const int64_t filters = l.spec.integer("filters");
    const ValueId weights = l.parameter("weight", weight_shape(l, l.channels(), filters));
    return l.with_bias(l.f.b.emit(op, {l.x(), weights}, l.path), filters);
}

/// [D..., C] -> [D'..., filters], as the gradient of a convolution from `filters` to C channels.
/// `same`: D' = D stride. `valid`: D' = (D - 1) stride + the kernel's span, which is every element
/// that D windows touch.
ValueId transposed_convolution(LayerScope& l, size_t axes) {
    if (!needs_spatial(l, axes) || !groups_fit(l)) return kNone;
    const Shape x = l.shape();
    const auto kernel = per_axis(l, "kernel"), stride = per_axis(l, "stride"),
               dilation = per_axis(l, "dilation");
    const std::string& padding = l.spec.word("padding");
    const int64_t filters = l.spec.integer("filters");
    ir::ConvBackwardData op{{stride, {}, {}, dilation, l.spec.integer("groups")}};
    Shape y{x[0]};
    for (size_t i = 0; i < axes; ++i) {
        const int64_t span = dilation[i] * (kernel[i] - 1) + 1;
        y.push_back(padding == "same" ? x[i + 1] * stride[i] : (x[i + 1] - 1) * stride[i] + span);
        const Windows windows = windows_along(y.back(), span, stride[i], padding);
        op.pads_begin.push_back(windows.begin);
        op.pads_end.push_back(windows.end);
    }
    y.push_back(filters);
    const ValueId weights = l.parameter("weight", weight_shape(l, filters, l.channels()));
    return l.with_bias(l.f.b.emit_typed(op, {l.x(), weights}, ir::f32(y), l.path), filters);
}

}  // namespace

ValueId conv1d(LayerScope& l) { return convolution(l, 1); }
ValueId conv2d(LayerScope& l) { return convolution(l, 2); }
ValueId conv1d_transpose(LayerScope& l) { return transposed_convolution(l, 1); }
ValueId conv2d_transpose(LayerScope& l) { return transposed_convolution(l, 2); }

}  // namespace gmc::lower
