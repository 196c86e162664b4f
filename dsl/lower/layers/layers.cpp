// The layers that need no file of their own, what LayerScope declares for all builders, and the
// table of all builders. Shapes in comments leave out the batch, as the language does.
#include "dsl/lower/layers/layers.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <numeric>

#include "dsl/lower/activations.h"
#include "dsl/lower/evaluate.h"
#include "dsl/lower/layers/layers_convolution.h"
#include "dsl/lower/layers/layers_discrete.h"
#include "dsl/lower/layers/layers_expression.h"
#include "dsl/lower/layers/layers_merge.h"
#include "dsl/lower/layers/layers_norm.h"
#include "dsl/lower/layers/layers_window.h"

namespace gmc::lower {
namespace {

using ir::kNone;
using ir::Shape;
using ir::ValueId;

int64_t product(const Shape& shape) {
    return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

/// [D..., C] -> [D..., units]. All axes but the last become rows of one matrix product.
ValueId dense(LayerScope& l) {
    const Shape shape = l.shape();
    if (shape.size() < 2) return l.wrong_shape("", "`dense` needs examples with at least one axis");
    const int64_t units = l.spec.integer("units"), in = l.channels();
    const ValueId weights = l.parameter("weight", {in, units});
    const ValueId rows = l.f.b.reshape(l.x(), {product(shape) / in, in});
    Shape result = shape;
    result.back() = units;
    return l.with_bias(l.f.b.reshape(l.f.b.emit(ir::Matmul{}, {rows, weights}, l.path), result),
                       units);
}

/// [D...] -> [product of D].
ValueId flatten(LayerScope& l) {
    const Shape& shape = l.shape();
    return l.f.b.reshape(l.x(), {shape[0], product(shape) / shape[0]});
}

/// Where one shape has more numbers than the other because the batch stands in it: "; if 32 is the
/// batch ...". Else "".
std::string batch_remark(const Shape& given, const Shape& wanted) {
    const bool in_wanted = product(wanted) > product(given);
    const Shape &with = in_wanted ? wanted : given, &without = in_wanted ? given : wanted;
    if (with.size() < 2 || product(with) != with[0] * product(without)) return "";
    return fmt::format("; if {} is the batch, leave it out: a shape is that of one example",
                       with[0]);
}

/// [D...] -> the shape of the key, which must have as many elements; the batch stays. A size of -1
/// is what the others leave.
ValueId reshape(LayerScope& l) {
    const Shape from = example_of(l.shape());
    Shape to = l.spec.integers("shape");
    if (const auto rest = std::find(to.begin(), to.end(), -1); rest != to.end()) {
        *rest = 1;
        *rest = std::max<int64_t>(product(from) / product(to), 1);
        if (rest == to.begin() && *rest == 1 && to.size() > 1)
            return l.wrong_shape("shape",
                                 "`reshape` begins with -1, but nothing is left for that; if it is "
                                 "the batch, leave it out: a shape is that of one example");
    }
    const Shape wanted = batched(l.shape()[0], to);
    if (product(to) != product(from))
        return l.wrong_shape(
            "shape", fmt::format("`reshape` cannot turn {} ({} numbers) into {} ({} numbers){}",
                                 ir::to_string(from), product(from), ir::to_string(to), product(to),
                                 batch_remark(from, to)));
    return l.f.b.reshape(l.x(), wanted);
}

/// Moves a running statistic: s <- momentum s + (1 - momentum) batch.
void move_statistic(LayerScope& l, ir::StateId id, ValueId batch, double momentum) {
    ir::Builder& b = l.f.b;
    const ValueId old = l.f.state(id);
    const ValueId step = b.scale(b.emit(ir::StopGradient{}, {b.sub(batch, old)}), 1 - momentum);
    l.f.set_state(id, b.add(old, step));
}

/// Ioffe and Szegedy 2015: gamma (x - mean) / sqrt(variance + epsilon) + beta over all axes but the
/// last, with the biased variance. In training the moments are taken about the running mean s, as
/// E[(x - s)^2] - E[x - s]^2: that needs one pass over x, and does not cancel once s is near the
/// mean.
ValueId batch_norm(LayerScope& l) {
    ir::Builder& b = l.f.b;
    const Shape shape = l.shape();
    const int64_t last = static_cast<int64_t>(shape.size()) - 1, channels = l.channels();
    const ValueId gamma = l.parameter("gamma", {channels}, "ones");
    const ValueId beta = l.parameter("beta", {channels}, "zeros");
    const ir::StateId mean_state = l.statistic(kMovingMean, {channels}, "zeros");
    const ir::StateId variance_state = l.statistic(kMovingVariance, {channels}, "ones");
    const auto spread = [&](ValueId v) { return b.broadcast(v, {last}, shape); };
    const std::vector<int64_t> axes = ir::all_axes(last);
    ValueId mean = l.f.state(mean_state), variance = l.f.state(variance_state);
    if (l.f.training) {
        if (b.type(l.x()).elements() == channels) l.warn_of_one_value();
        const ValueId centre = mean, centred = b.sub(l.x(), spread(centre));
        const ValueId shift = b.reduce_mean(centred, axes);
        const ValueId square = b.reduce_mean(b.mul(centred, centred), axes);
        variance =
            b.emit(ir::Maximum{}, {b.sub(square, b.mul(shift, shift)), b.constant(0, {channels})},
                   l.path + ".variance");
        mean = b.emit(ir::Add{}, {centre, shift}, l.path + ".mean");
        const double momentum = l.spec.number("momentum");
        move_statistic(l, mean_state, mean, momentum);
        move_statistic(l, variance_state, variance, momentum);
    }
    const ValueId deviation = b.emit(ir::Sqrt{}, {b.offset(variance, l.spec.number("epsilon"))});
    const ValueId scale = b.div(gamma, deviation);
    const ValueId centred = b.sub(l.x(), spread(mean));
    return b.emit(ir::Add{}, {b.mul(centred, spread(scale)), spread(beta)}, l.path);
}

/// A number of a layer that may change in training: a constant, or a scalar f32[] computed from the
/// step. Failed after an error.
Evaluated changing_number(LayerScope& l, const std::string& key) {
    Evaluated result;
    const auto found = l.spec.expressions.find(key);
    if (found == l.spec.expressions.end()) {
        result.number = l.spec.number(key);
        return result;
    }
    const dsl::KeyRow* row = dsl::find_key(dsl::find_layer(l.spec.kind)->keys, key);
    return Evaluator(l.f).bounded_scalar(*found->second, "`" + key + "`", row->range);
}

/// Srivastava et al. 2014: keeps a number with probability 1 - rate and multiplies it by 1 / (1 -
/// rate). Does nothing outside of training.
ValueId dropout(LayerScope& l) {
    const Evaluated rate = changing_number(l, "rate");
    if (rate.failed) return kNone;
    if (!l.f.training || rate.number == 0.0) return l.x();
    ir::Builder& b = l.f.b;
    const Shape shape = l.shape();
    const ValueId share =
        rate.number ? b.constant(*rate.number, shape) : b.splat(rate.value, shape);
    const ValueId dropped = b.emit(ir::Greater{}, {share, l.f.random_uniform(shape)});
    const ValueId scale =
        rate.number ? b.constant(1 / (1 - *rate.number), shape)
                    : b.splat(b.div(b.constant(1), b.sub(b.constant(1), rate.value)), shape);
    return b.emit(ir::Mul{}, {l.x(), b.select(dropped, b.constant(0, shape), scale)}, l.path);
}

/// x + stddev * normal noise in training. Does nothing outside of training.
ValueId gaussian_noise(LayerScope& l) {
    const Evaluated stddev = changing_number(l, "stddev");
    if (stddev.failed) return kNone;
    if (!l.f.training || stddev.number == 0.0) return l.x();
    ir::Builder& b = l.f.b;
    const ValueId noise = l.f.random_normal(l.shape());
    const ValueId scaled = stddev.number ? b.scale(noise, *stddev.number)
                                         : b.mul(noise, b.splat(stddev.value, l.shape()));
    return b.emit(ir::Add{}, {l.x(), scaled}, l.path);
}

/// The tensor itself, for every example. Of the input only the number of its channels counts.
ValueId parameter_layer(LayerScope& l) {
    Shape own = tensor_shape(l.spec);
    const auto channels = std::find(own.begin(), own.end(), -1);
    if (channels != own.end() && l.shape().size() < 2)
        return l.wrong_shape("shape",
                             "-1 in `shape` is the channels of the input, which has none here");
    if (channels != own.end()) *channels = l.channels();
    return l.f.for_each_example(l.parameter(kTensorName, own));
}

}  // namespace

/// Fans are the numbers of inputs and outputs that one weight matrix connects, from which glorot
/// and he initializers get their spread. For weights [3, 3, 16, 32] the window is 9, the fans are
/// 144 and 288.
static ir::Initializer initializer_of(const dsl::LayerSpec& spec, const Shape& shape,
                                      const std::string& kind, double value) {
    ir::Initializer init;
    init.kind = !kind.empty()             ? kind
                : spec.has("initializer") ? spec.word("initializer")
                                          : "glorot_uniform";
    if (init.kind == "normal")
        init.value = spec.has("initializer_stddev") ? spec.number("initializer_stddev") : 0.05;
    if (init.kind == "orthogonal") init.value = 1;
    if (init.kind == "constant") init.value = value;
    if (init.kind == "uniform") init.value = value > 0 ? value : 0.05;  ///< the default of Keras
    if (shape.size() >= 2 && init.kind != "zeros" && init.kind != "ones") {
        // The fans of Keras' initializers: each of the last two axes times the elements of the
        // window.
        const int64_t window = product(shape) / (shape.back() * shape[shape.size() - 2]);
        init.fan_in = shape[shape.size() - 2] * window;
        init.fan_out = shape.back() * window;
    }
    return init;
}

ValueId LayerScope::parameter(const std::string& name, Shape shape, const std::string& kind,
                              double value) {
    ir::Initializer first = initializer_of(spec, shape, kind, value);
    ir::State state{path + "." + name, ir::f32(std::move(shape)), ir::StateRole::kParameter,
                    std::move(first), f.m.locate(spec.span)};
    const bool normalised =
        name == "weight" && spec.has("spectral_norm") && spec.flag("spectral_norm");
    const ValueId current = f.state(f.m.declare(std::move(state)));
    return normalised ? spectral_norm(*this, current) : current;
}

ir::StateId LayerScope::statistic(const std::string& name, Shape shape, const std::string& kind,
                                  double value) {
    ir::Initializer first = initializer_of(spec, shape, kind, value);
    return f.m.declare({path + "." + name, ir::f32(std::move(shape)), ir::StateRole::kStatistic,
                        std::move(first), f.m.locate(spec.span)});
}

ValueId LayerScope::with_bias(ValueId value, int64_t units) {
    if (!spec.flag("bias")) return value;
    const std::string kind = spec.has("bias_initializer") ? spec.word("bias_initializer") : "zeros";
    const Shape shape = f.b.shape(value);
    const ValueId bias = parameter("bias", {units}, kind);
    return f.b.add(value, f.b.broadcast(bias, {static_cast<int64_t>(shape.size()) - 1}, shape));
}

ValueId LayerScope::wrong_shape(const std::string& key, std::string text, std::string help) {
    const Span place = key.empty() ? spec.span : spec.span_of(key);
    if (!f.m.reported_once(place, text)) return kNone;
    Diagnostic& error = f.m.diagnostics.error(DiagnosticKind::kShapeMismatch, place, "{}", text);
    if (!help.empty()) error.help(std::move(help));
    return kNone;
}

void LayerScope::warn_of_one_value() {
    if (!f.m.reported_once(spec.span, "one value")) return;
    const bool batch = spec.kind == "batch_norm";
    f.m.diagnostics
        .warning(
            DiagnosticKind::kBadValue, spec.span,
            "`{}` takes the mean of one number only ({}), so each result is its offset `beta`, "
            "whatever comes in",
            spec.kind,
            batch ? fmt::format("of [{}] in a batch of 1", fmt::join(example_of(shape()), ","))
                  : fmt::format("of [{}]", fmt::join(example_of(shape()), ",")))
        .help(batch ? "a `batch_size` of 16 or more; or `layer_norm`, which needs no batch"
                    : "leave it out, or choose one that has more numbers of an example to go by");
}

/// One row per kind of layer in the schema; a test compares the two.
const std::map<std::string, ApplyLayer>& layer_builders() {
    static const std::map<std::string, ApplyLayer> kTable = {
        {"add", add},
        {"average_pooling1d", average_pooling1d},
        {"average_pooling2d", average_pooling2d},
        {"average_pooling3d", average_pooling3d},
        {"batch_norm", batch_norm},
        {"concat", concat},
        {"conv1d", conv1d},
        {"conv1d_transpose", conv1d_transpose},
        {"conv2d", conv2d},
        {"conv2d_transpose", conv2d_transpose},
        {"conv3d", conv3d},
        {"conv3d_transpose", conv3d_transpose},
        {"convolve", convolve},
        {"convolve_transpose", convolve_transpose},
        {"crop", crop},
        {"dense", dense},
        {"depth_to_space", depth_to_space},
        {"dropout", dropout},
        {"elu", elu_layer},
        {"embedding", embedding},
        {"expression", expression_layer},
        {"flatten", flatten},
        {"gaussian_noise", gaussian_noise},
        {"gelu", activation_layer},
        {"global_average_pooling", global_average_pooling},
        {"global_max_pooling", global_max_pooling},
        {"group_norm", group_norm},
        {"identity", identity},
        {"instance_norm", instance_norm},
        {"layer_norm", layer_norm},
        {"leaky_relu", leaky_relu_layer},
        {"max_pooling1d", max_pooling1d},
        {"max_pooling2d", max_pooling2d},
        {"max_pooling3d", max_pooling3d},
        {"multiply", multiply},
        {"one_hot", one_hot},
        {"pad", pad},
        {"parameter", parameter_layer},
        {"permute", permute},
        {"prelu", prelu_layer},
        {"relu", activation_layer},
        {"reshape", reshape},
        {"sigmoid", activation_layer},
        {"silu", activation_layer},
        {"slice", slice},
        {"softmax", activation_layer},
        {"softplus", activation_layer},
        {"space_to_depth", space_to_depth},
        {"subtract", subtract},
        {"tanh", activation_layer},
        {"up_sampling1d", up_sampling1d},
        {"up_sampling2d", up_sampling2d},
        {"up_sampling3d", up_sampling3d},
        {"vector_quantize", vector_quantize},
    };
    return kTable;
}

}  // namespace gmc::lower
