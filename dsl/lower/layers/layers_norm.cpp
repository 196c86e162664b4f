// Normalisation. Shapes in comments are complete: N examples, P positions, C channels.
#include "dsl/lower/layers/layers_norm.h"

#include <fmt/format.h>

namespace gmc::lower {

using ir::kNone;
using ir::Shape;
using ir::ValueId;

namespace {

/// gamma (x - mean) / sqrt(variance + epsilon) + beta. Moments are taken over `axes`; with `groups`
/// other than 0 also over the channels of a group, after the sums over positions: so the only
/// values that vary by group are as small as [N, C], and all large ones have the shape of x, whose
/// loops join with those of the layers around them. It takes two passes, so that the variance is
/// that of centred numbers and does not cancel.
ValueId normalise(LayerScope& l, const std::vector<int64_t>& axes, int64_t groups) {
    ir::Builder& b = l.f.b;
    const Shape shape = l.shape();
    const int64_t last = static_cast<int64_t>(shape.size()) - 1, channels = l.channels();
    const ValueId gamma = l.parameter("gamma", {channels}, "ones");
    const ValueId beta = l.parameter("beta", {channels}, "zeros");
    int64_t values = groups == 0 ? 1 : channels / groups;
    for (const int64_t axis : axes) values *= shape[static_cast<size_t>(axis)];
    if (values == 1) l.warn_of_one_value();
    const auto mean = [&](ValueId v) {
        if (!axes.empty()) v = b.reduce_mean(v, axes);
        if (groups == 0) return v;
        const Shape by_channel = b.shape(v), by_group = {shape[0], groups, channels / groups};
        const ValueId m = b.reduce_mean(b.reshape(v, by_group), {2});
        return b.reshape(b.broadcast(m, {0, 1}, by_group), by_channel);
    };
    const std::vector<int64_t> kept = ir::other_axes(last + 1, axes);
    const auto spread = [&](ValueId v) { return b.broadcast(v, kept, shape); };
    const ValueId centred = b.sub(l.x(), spread(mean(l.x())));
    const ValueId variance = mean(b.mul(centred, centred));
    const ValueId deviation = b.emit(ir::Sqrt{}, {b.offset(variance, l.spec.number("epsilon"))});
    const ValueId unit = b.div(centred, spread(deviation));
    const ValueId scaled = b.mul(unit, b.broadcast(gamma, {last}, shape));
    return b.emit(ir::Add{}, {scaled, b.broadcast(beta, {last}, shape)}, l.path);
}

/// The axes between the examples and the channels.
std::vector<int64_t> positions(const LayerScope& l) {
    std::vector<int64_t> axes = ir::all_axes(static_cast<int64_t>(l.shape().size()) - 1);
    axes.erase(axes.begin());
    return axes;
}

/// Reports examples that are single numbers.
bool has_channels(LayerScope& l) {
    if (l.shape().size() >= 2) return true;
    l.wrong_shape(
        "", fmt::format("`{}` needs examples with at least one axis, the channels", l.spec.kind));
    return false;
}

/// x / max(|x|, 1e-12), for a vector of any shape.
/// A vector of zeros stays one, instead of becoming NaN.
ValueId unit_vector(ir::Builder& b, ValueId x) {
    const Shape shape = b.shape(x);
    const ValueId square =
        b.reduce_sum(b.mul(x, x), ir::all_axes(static_cast<int64_t>(shape.size())));
    const ValueId length = b.emit(ir::Maximum{}, {b.emit(ir::Sqrt{}, {square}), b.constant(1e-12)});
    return b.div(x, b.splat(length, shape));
}

}  // namespace

ValueId layer_norm(LayerScope& l) {
    if (!has_channels(l)) return kNone;
    const Shape shape = l.shape();
    return normalise(l, {static_cast<int64_t>(shape.size()) - 1}, 0);
}

/// Moments over axes 1 and 3 of [N, P, groups, C / groups] (Wu and He 2018).
ValueId group_norm(LayerScope& l) {
    if (!has_channels(l)) return kNone;
    const int64_t groups = l.spec.integer("groups"), channels = l.channels();
    if (channels % groups != 0)
        return l.wrong_shape(
            "groups", fmt::format("`group_norm` cannot make {} groups of the {} channels of {}",
                                  groups, channels, ir::to_string(example_of(l.shape()))));
    return normalise(l, positions(l), groups);
}

ValueId instance_norm(LayerScope& l) {
    if (l.shape().size() < 3)
        return l.wrong_shape("",
                             fmt::format("`instance_norm` needs positions and channels, such as "
                                         "[height, width, channels], got {}",
                                         ir::to_string(example_of(l.shape()))));
    return normalise(l, positions(l), 0);
}

/// `matrix` is W^T of the header. In training one power iteration moves u and v first, and sigma is
/// computed from the new ones; outside of training they stay, so that a function that only
/// evaluates changes nothing. The gradient flows through `stretched`, that is through W, but not
/// through u and v.
ValueId spectral_norm(LayerScope& l, ValueId weights) {
    ir::Builder& b = l.f.b;
    const Shape shape = b.shape(weights);
    const int64_t last = static_cast<int64_t>(shape.size()) - 1;
    // A transposed convolution has the weights of the convolution whose gradient it is: [K...,
    // outputs, inputs].
    const int64_t outputs_axis = l.spec.kind.ends_with("_transpose") ? last - 1 : last;
    ValueId matrix = weights;  // [all else, outputs]
    if (outputs_axis != last) {
        std::vector<int64_t> order = ir::all_axes(last + 1);
        std::swap(order[outputs_axis], order[last]);
        matrix = b.transpose(weights, order);
    }
    const int64_t outputs = shape[outputs_axis], rest = b.type(weights).elements() / outputs;
    matrix = b.reshape(matrix, {rest, outputs});
    const ir::StateId u_state = l.statistic("u", {outputs}, "orthogonal");
    const ir::StateId v_state = l.statistic("v", {rest}, "orthogonal");
    ValueId u = b.reshape(l.f.state(u_state), {outputs, 1});
    ValueId v = b.reshape(l.f.state(v_state), {rest, 1});
    const auto move = [&](ir::StateId state, ValueId to, int64_t size) {
        const ValueId moved = b.emit(ir::StopGradient{}, {unit_vector(b, to)});
        l.f.set_state(state, b.reshape(moved, {size}));
        return moved;
    };
    if (l.f.training) u = move(u_state, b.emit(ir::Matmul{true, false}, {matrix, v}), outputs);
    const ValueId stretched = b.emit(ir::Matmul{}, {matrix, u});
    if (l.f.training) v = move(v_state, stretched, rest);
    const ValueId sigma = b.reduce_sum(b.mul(v, stretched), {0, 1});
    return b.div(weights, b.splat(sigma, shape));
}

}  // namespace gmc::lower
