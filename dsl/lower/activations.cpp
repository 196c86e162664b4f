// Builds each activation from existing ops of the IR; the table at the end names them.
#include "dsl/lower/activations.h"

#include <fmt/format.h>

#include <numbers>

namespace gmc::lower {

using ir::Builder;
using ir::kNone;
using ir::Shape;
using ir::ValueId;

namespace {

constexpr double kLeakyReluSlope = 0.3;  // as in Keras before version 3
constexpr double kPreluSlope = 0.25;     // He et al. 2015

/// Hendrycks and Gimpel 2016, the exact form: x/2 (1 + erf(x / sqrt 2)).
ValueId gelu(Builder& b, ValueId x) {
    const ValueId bell = b.emit(ir::Erf{}, {b.scale(x, 1 / std::numbers::sqrt2)});
    return b.mul(b.scale(x, 0.5), b.offset(bell, 1));
}

/// Elfwing et al. 2018, Ramachandran et al. 2017 (swish): x sigmoid(x).
ValueId silu(Builder& b, ValueId x) { return b.mul(x, b.emit(ir::Sigmoid{}, {x})); }

/// He et al. 2015: x where x > 0, else slope x, with a trained slope per channel.
ValueId prelu(LayerScope& l, ValueId x) {
    Builder& b = l.f.b;
    const Shape shape = b.shape(x);
    const ValueId slope = l.parameter("slope", {shape.back()}, "constant", kPreluSlope);
    const ValueId falling =
        b.mul(b.broadcast(slope, {static_cast<int64_t>(shape.size()) - 1}, shape), x);
    const ValueId rising = b.emit(ir::Greater{}, {x, b.constant(0, shape)});
    return b.select(rising, x, falling);
}

}  // namespace

/// e^x - 1 is computed as 2 t / (1 - t) with t = tanh(x / 2), which stays precise near 0. It is
/// computed from min(x, 0), so that it is finite where x > 0 is selected, too: an infinity there
/// would make the gradient NaN.
ValueId elu(Builder& b, ValueId x, double alpha) {
    const Shape shape = b.shape(x);
    const ValueId zero = b.constant(0, shape);
    const ValueId t = b.emit(ir::Tanh{}, {b.scale(b.emit(ir::Minimum{}, {zero, x}), 0.5)});
    const ValueId falling = b.div(b.scale(t, 2 * alpha), b.sub(b.constant(1, shape), t));
    return b.select(b.emit(ir::Greater{}, {x, zero}), x, falling);
}

namespace {

/// What softmax and log_softmax have in common: x less its maximum, so that the largest number is
/// 0, the exponentials of that, and their sums. No gradient flows through the maximum: any number
/// that is subtracted from all of x cancels.
struct Exponentials {
    ValueId shifted, exponentials, sums;
    Exponentials(Builder& b, ValueId x, int64_t axis)
        : shifted(
              b.sub(x, along(b, b.emit(ir::StopGradient{}, {b.emit(ir::ReduceMax{{axis}}, {x})}),
                             b.shape(x), axis))),
          exponentials(b.emit(ir::Exp{}, {shifted})),
          sums(b.reduce_sum(exponentials, {axis})) {}
    static ValueId along(Builder& b, ValueId v, Shape shape, int64_t axis) {
        return b.broadcast(v, ir::other_axes(static_cast<int64_t>(shape.size()), {axis}), shape);
    }
};

}  // namespace

ValueId log_softmax(Builder& b, ValueId x, int64_t axis) {
    const Exponentials e(b, x, axis);
    const Shape shape = b.shape(x);
    return b.sub(e.shifted, Exponentials::along(b, b.emit(ir::Log{}, {e.sums}), shape, axis));
}

/// Written as a quotient rather than exp(log_softmax(x)), since the gradient of a quotient needs
/// nothing but its result (passes/algebra/reuse_quotients).
ValueId softmax(Builder& b, ValueId x, int64_t axis) {
    const Exponentials e(b, x, axis);
    const Shape shape = b.shape(x);
    return b.div(e.exponentials, Exponentials::along(b, e.sums, shape, axis));
}

/// Looked up by word; the order has no meaning.
const std::map<std::string, Activation>& activations() {
    static const std::map<std::string, Activation> kTable = {
        {"elu", [](Builder& b, ValueId x) { return elu(b, x, 1); }},
        {"gelu", gelu},
        {"leaky_relu",
         [](Builder& b, ValueId x) { return b.emit(ir::LeakyRelu{kLeakyReluSlope}, {x}); }},
        {"none", [](Builder&, ValueId x) { return x; }},
        {"relu", [](Builder& b, ValueId x) { return b.emit(ir::LeakyRelu{0}, {x}); }},
        {"sigmoid", [](Builder& b, ValueId x) { return b.emit(ir::Sigmoid{}, {x}); }},
        {"silu", silu},
        {"softmax", [](Builder& b, ValueId x) { return softmax(b, x, b.type(x).rank() - 1); }},
        {"softplus", [](Builder& b, ValueId x) { return b.emit(ir::Softplus{}, {x}); }},
        {"tanh", [](Builder& b, ValueId x) { return b.emit(ir::Tanh{}, {x}); }},
    };
    return kTable;
}

ValueId apply_activation(LayerScope& l, const std::string& word, ValueId x) {
    const bool needs_channels = word == "softmax" || word == "prelu";
    if (needs_channels && l.f.b.shape(x).size() < 2)
        return l.wrong_shape(word == l.spec.kind ? "" : "activation",
                             fmt::format("`{}` needs examples with at least one axis, the "
                                         "channels; this is one number per example",
                                         word));
    return word == "prelu" ? prelu(l, x) : activations().at(word)(l.f.b, x);
}

ValueId activation_layer(LayerScope& l) { return apply_activation(l, l.spec.kind, l.x()); }
ValueId elu_layer(LayerScope& l) { return elu(l.f.b, l.x(), l.spec.number("alpha")); }
ValueId leaky_relu_layer(LayerScope& l) {
    return l.f.b.emit(ir::LeakyRelu{l.spec.number("slope")}, {l.x()}, l.path);
}
ValueId prelu_layer(LayerScope& l) { return apply_activation(l, "prelu", l.x()); }

}  // namespace gmc::lower
