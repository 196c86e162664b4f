// The built-in functions of expressions. Their names, arities and one-line rules for users are rows
// of dsl/functions.
#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "compiler/build/evaluate.h"

namespace gmc::build {
namespace {

using dsl::Expression;
using ir::kNone;
using ir::Shape;
using ir::ValueId;

/// Under the root of `norm`, so that its gradient is finite at zero.
constexpr double kNormEpsilon = 1e-12;

Evaluated argument(Evaluator& e, const Expression& call, size_t i) {
    return e.tensor(*call.arguments[i]);
}

template <typename Op>
Evaluated element_wise(Evaluator& e, const Expression& call) {
    Evaluated x = argument(e, call, 0);
    if (x.failed) return x;
    x.value = e.b().emit(Op{}, {e.materialize(x, {})});
    x.number.reset();
    return x;
}

/// Two arguments element by element.
template <typename Op>
Evaluated pairwise(Evaluator& e, const Expression& call) {
    Evaluated x = argument(e, call, 0), y = argument(e, call, 1);
    if (x.failed) return x;
    if (y.failed) return y;
    if (x.number && y.number) x.value = e.b().constant(*x.number), x.number.reset();
    if (!e.match(call, x, y)) return y.failed = true, y;
    x.value = e.b().emit(Op{}, {x.value, y.value});
    return x;
}

Evaluated relu(Evaluator& e, const Expression& call) {
    Evaluated x = argument(e, call, 0);
    if (x.failed) return x;
    x.value = e.b().emit(ir::LeakyRelu{0}, {e.materialize(x, {})});
    x.number.reset();
    return x;
}

/// The second argument is the slope, 0.3 when left out.
Evaluated leaky_relu(Evaluator& e, const Expression& call) {
    Evaluated x = argument(e, call, 0);
    Evaluated slope;
    slope.number = 0.3;
    if (call.arguments.size() > 1) slope = argument(e, call, 1);
    if (x.failed) return x;
    if (!slope.number || *slope.number < 0)
        return e.fail(DiagnosticKind::kBadExpression, call.span,
                      "the slope of `leaky_relu` must be a constant, at least 0");
    x.value = e.b().emit(ir::LeakyRelu{*slope.number}, {e.materialize(x, {})});
    x.number.reset();
    return x;
}

Evaluated square(Evaluator& e, const Expression& call) {
    Evaluated x = argument(e, call, 0);
    if (x.failed) return x;
    if (x.number)
        x.number = *x.number * *x.number;
    else
        x.value = e.b().mul(x.value, x.value);
    return x;
}

/// One number per example, or a plain tensor: nothing is left to reduce but the batch.
bool only_batch_left(Evaluator& e, const Evaluated& x, bool one_element_counts) {
    if (x.number || !x.batched) return false;
    const Shape& shape = e.b().shape(x.value);
    return shape.size() == 1 || (one_element_counts && e.b().type(x.value).elements() == shape[0]);
}

/// The argument `axis=k` of a call: an axis of the example, counted from 0 without the batch, or
/// from the end when negative. kNone when not given; `failed` after an error.
int64_t named_axis(Evaluator& e, const Expression& call, const Evaluated& x, bool& failed) {
    for (size_t i = 0; i < call.arguments.size(); ++i) {
        if (i >= call.argument_names.size() || call.argument_names[i] != "axis") continue;
        const Evaluated axis = e.evaluate(*call.arguments[i]);
        const int64_t first = x.batched ? 1 : 0;
        const int64_t rank = x.number ? 0 : e.b().type(x.value).rank() - first;
        if (axis.number && *axis.number == std::floor(*axis.number) && *axis.number >= -rank &&
            *axis.number < rank)
            return first + static_cast<int64_t>(*axis.number) + (*axis.number < 0 ? rank : 0);
        e.fail(DiagnosticKind::kBadExpression, call.arguments[i]->span,
               fmt::format("`axis` must be a whole number from {} to {} here", -rank, rank - 1));
        failed = true;
    }
    return kNone;
}

/// Sum or mean of one argument, over the axis it names or by the rules of Evaluator::reduce.
Evaluated total(Evaluator& e, const Expression& call, bool take_mean) {
    Evaluated x = argument(e, call, 0);
    if (x.failed) return x;
    const int64_t axis = named_axis(e, call, x, x.failed);
    if (x.failed) return x;
    if (axis == kNone) return e.reduce(x, only_batch_left(e, x, take_mean), take_mean);
    x.value = take_mean ? e.b().reduce_mean(x.value, {axis}) : e.b().reduce_sum(x.value, {axis});
    return x;
}
Evaluated mean(Evaluator& e, const Expression& call) { return total(e, call, true); }
Evaluated sum(Evaluator& e, const Expression& call) { return total(e, call, false); }

/// sqrt(sum of squares + 1e-12), per example.
Evaluated norm(Evaluator& e, const Expression& call) {
    Evaluated x = argument(e, call, 0);
    if (x.failed) return x;
    const int64_t axis = named_axis(e, call, x, x.failed);
    if (x.failed) return x;
    const bool over_batch = only_batch_left(e, x, false);
    x.value = e.materialize(x, {});
    x.number.reset();
    x.value = e.b().mul(x.value, x.value);
    if (axis != kNone)
        x.value = e.b().reduce_sum(x.value, {axis});
    else
        x = e.reduce(x, over_batch, false);
    x.value = e.b().emit(ir::Sqrt{}, {e.b().offset(x.value, kNormEpsilon)});
    return x;
}

/// Largest: of an example, or over the batch. `sign` -1 gives the smallest.
Evaluated extreme(Evaluator& e, const Expression& call, double sign) {
    Evaluated x = argument(e, call, 0);
    if (x.failed || x.number) return x;
    ir::Builder& b = e.b();
    const int64_t axis = named_axis(e, call, x, x.failed);
    if (x.failed) return x;
    const bool over_batch = axis == kNone && only_batch_left(e, x, true);
    std::vector<int64_t> axes = ir::all_axes(b.type(x.value).rank());
    if (x.batched && !over_batch) axes.erase(axes.begin());
    if (axis != kNone) axes = {axis};
    if (sign < 0) x.value = b.neg(x.value);
    if (!axes.empty()) x.value = b.emit(ir::ReduceMax{axes}, {x.value});
    if (sign < 0) x.value = b.neg(x.value);
    x.batched = x.batched && !over_batch;
    return x;
}

/// Arguments without a name.
size_t positional(const Expression& call) {
    size_t count = call.arguments.size();
    for (const std::string& name : call.argument_names) count -= name.empty() ? 0 : 1;
    return count;
}

Evaluated max(Evaluator& e, const Expression& call) {
    return positional(call) == 2 ? pairwise<ir::Maximum>(e, call) : extreme(e, call, 1);
}
Evaluated min(Evaluator& e, const Expression& call) {
    return positional(call) == 2 ? pairwise<ir::Minimum>(e, call) : extreme(e, call, -1);
}

/// min(max(x, low), high).
Evaluated clamp(Evaluator& e, const Expression& call) {
    Evaluated x = argument(e, call, 0);
    const Evaluated low = argument(e, call, 1), high = argument(e, call, 2);
    if (x.failed) return x;
    if (!low.number || !high.number)
        return e.fail(DiagnosticKind::kBadExpression, call.span,
                      "the bounds of `clamp` must be constant numbers");
    ir::Builder& b = e.b();
    x.value = e.materialize(x, {});
    x.number.reset();
    const Shape shape = b.shape(x.value);
    x.value = b.emit(ir::Maximum{}, {x.value, b.constant(*low.number, shape)});
    x.value = b.emit(ir::Minimum{}, {x.value, b.constant(*high.number, shape)});
    return x;
}

/// x over one axis of an example, the last if none is named: x - log(sum(exp(x))), with the maximum
/// taken out first.
Evaluated log_softmax(Evaluator& e, const Expression& call) {
    Evaluated x = argument(e, call, 0);
    if (x.failed) return x;
    if (x.number || e.b().shape(x.value).size() < 2)
        return e.fail(DiagnosticKind::kShapeMismatch, call.span,
                      "`softmax` needs a vector per example");
    ir::Builder& b = e.b();
    const Shape shape = b.shape(x.value);
    const int64_t rank = static_cast<int64_t>(shape.size());
    const int64_t named = named_axis(e, call, x, x.failed),
                  axis = named == kNone ? rank - 1 : named;
    if (x.failed) return x;
    const auto spread = [&](ValueId v) {
        return b.broadcast(v, ir::other_axes(rank, {axis}), shape);
    };
    const ValueId largest = b.emit(ir::StopGradient{}, {b.emit(ir::ReduceMax{{axis}}, {x.value})});
    const ValueId shifted = b.sub(x.value, spread(largest));
    const ValueId exp_sum = b.reduce_sum(b.emit(ir::Exp{}, {shifted}), {axis});
    x.value = b.sub(shifted, spread(b.emit(ir::Log{}, {exp_sum})));
    return x;
}

Evaluated softmax(Evaluator& e, const Expression& call) {
    Evaluated x = log_softmax(e, call);
    if (!x.failed) x.value = e.b().emit(ir::Exp{}, {x.value});
    return x;
}

/// -t log(sigmoid(l)) - (1 - t) log(1 - sigmoid(l)) = softplus(l) - t l, element by element.
Evaluated bce_with_logits(Evaluator& e, const Expression& call) {
    Evaluated logits = argument(e, call, 0), target = argument(e, call, 1);
    if (logits.failed) return logits;
    if (target.failed) return target;
    if (logits.number)
        return e.fail(DiagnosticKind::kWrongType, call.arguments[0]->span,
                      "logits must be computed, not a constant");
    if (!e.match(call, logits, target)) return logits.failed = true, logits;
    ir::Builder& b = e.b();
    logits.value = b.sub(b.emit(ir::Softplus{}, {logits.value}), b.mul(target.value, logits.value));
    return logits;
}

/// a + t (b - a).
Evaluated lerp(Evaluator& e, const Expression& call) {
    Evaluated a = argument(e, call, 0), b = argument(e, call, 1), t = argument(e, call, 2);
    for (Evaluated* x : {&a, &b, &t})
        if (x->failed) return *x;
    if (a.number) a.value = e.b().constant(*a.number), a.number.reset();
    if (!e.match(call, a, b)) return a.failed = true, a;
    Evaluated difference = a;
    difference.value = e.b().sub(b.value, a.value);
    if (!e.match(call, t, difference)) return a.failed = true, a;
    a.value = e.b().add(a.value, e.b().mul(t.value, difference.value));
    a.networks.insert(t.networks.begin(), t.networks.end());
    return a;
}

/// Examples side by side along an axis, the last if none is named.
Evaluated concat(Evaluator& e, const Expression& call) {
    Evaluated result;
    result.batched = true;
    std::vector<ValueId> parts;
    int64_t axis = kNone;
    for (size_t i = 0; i < positional(call); ++i) {
        const auto& part = call.arguments[i];
        const Evaluated x = e.tensor(*part);
        if (x.failed) return x;
        if (x.number || !x.batched)
            return e.fail(DiagnosticKind::kShapeMismatch, part->span,
                          "`concat` joins examples, and this is a plain number");
        Shape shape = e.b().shape(x.value);
        const Shape first = parts.empty() ? shape : e.b().shape(parts[0]);
        if (parts.empty()) {
            axis = named_axis(e, call, x, result.failed);
            if (result.failed) return result;
            if (axis == kNone) axis = static_cast<int64_t>(shape.size()) - 1;
        }
        if (shape.size() == first.size()) shape[axis] = first[axis];
        if (shape != first)
            return e.fail(DiagnosticKind::kShapeMismatch, part->span,
                          fmt::format("`concat` along axis {} of {} and {}", axis - 1,
                                      ir::to_string(example_of(first)), describe(e, x)));
        parts.push_back(x.value);
        result.networks.insert(x.networks.begin(), x.networks.end());
    }
    result.value = e.b().emit(ir::Concat{axis}, parts);
    return result;
}

// ---- random
// -------------------------------------------------------------------------------------------------

/// The batched shape that `normal(like)` asks for: a number n means [n]; a network means its first
/// input; a value means its own shape.
bool noise_shape(Evaluator& e, const Expression& like, Shape& shape) {
    FunctionScope& f = e.scope();
    const auto network_named = [&](const std::string& name) -> const dsl::NetworkSpec* {
        for (const dsl::NetworkSpec& network : f.m.spec.networks)
            if (network.name == name) return &network;
        return nullptr;
    };
    const bool member = like.kind == Expression::Kind::kMember &&
                        like.arguments[0]->kind == Expression::Kind::kName;
    if (const auto* network =
            like.kind == Expression::Kind::kName ? network_named(like.text) : nullptr) {
        if (!input_shape(f.m, network->inputs.front(), shape)) return false;
        shape = batched(f.m.batch, shape);
        return true;
    }
    if (const auto* network = member ? network_named(like.arguments[0]->text) : nullptr) {
        for (const dsl::NetworkInput& input : network->inputs)
            if (input.name == like.text) {
                if (!input_shape(f.m, input, shape)) return false;
                shape = batched(f.m.batch, shape);
                return true;
            }
    }
    const Evaluated x = e.tensor(like);
    if (x.failed) return false;
    if (x.number) {
        if (*x.number < 1 || *x.number != std::floor(*x.number) || *x.number > 1e6) {
            e.fail(DiagnosticKind::kBadExpression, like.span,
                   fmt::format("{} is no number of random numbers", *x.number));
            return false;
        }
        shape = {f.m.batch, static_cast<int64_t>(*x.number)};
    } else {
        shape = e.b().shape(x.value);
    }
    return true;
}

/// Several arguments are the sizes of an example's axes.
template <bool kNormal>
Evaluated noise(Evaluator& e, const Expression& call) {
    Evaluated result;
    Shape shape;
    for (const auto& size : call.arguments) {
        Shape one;
        if (!noise_shape(e, *size, one)) return result.failed = true, result;
        if (shape.empty())
            shape = one;
        else
            shape.push_back(one.back());
    }
    result.value = kNormal ? e.scope().random_normal(shape) : e.scope().random_uniform(shape);
    result.batched = true;
    return result;
}

/// 1 with probability p, element by element.
Evaluated bernoulli(Evaluator& e, const Expression& call) {
    Evaluated p = argument(e, call, 0);
    if (p.failed) return p;
    if (p.number)
        return e.fail(DiagnosticKind::kWrongType, call.arguments[0]->span,
                      "`bernoulli` needs a tensor of probabilities");
    p.value = e.b().emit(ir::Greater{}, {p.value, e.scope().random_uniform(e.b().shape(p.value))});
    return p;
}

// ---- gradients and schedules
// --------------------------------------------------------------------------------

/// Gradient of f by x, shaped like x. Where f is one number per example, each example's own
/// gradient.
Evaluated grad(Evaluator& e, const Expression& call) {
    const Evaluated f = argument(e, call, 0);
    if (f.failed) return f;
    Evaluated x = argument(e, call, 1);
    if (x.failed) return x;
    if (f.number || x.number)
        return e.fail(DiagnosticKind::kBadExpression, call.span,
                      "`grad` of or by a constant number");
    if (f.batched ? !only_batch_left(e, f, true) : !e.b().shape(f.value).empty())
        return e.fail(DiagnosticKind::kShapeMismatch, call.arguments[0]->span,
                      fmt::format("`grad` differentiates one number per example, but this is {}",
                                  describe(e, f)));
    ir::Builder& b = e.b();
    const ValueId scalar = b.reduce_sum(f.value, ir::all_axes(b.type(f.value).rank()));
    const ValueId value = b.function().add_value("grad", b.type(x.value));
    b.function().operations.push_back(
        {ir::Gradient{}, {scalar, x.value}, {value}, b.location(), {}});
    x.value = value;
    x.networks.insert(f.networks.begin(), f.networks.end());
    return x;
}

/// A schedule from `from` to `to` over `over` epochs or steps: t runs from 0 to 1, `bend` shapes
/// it, then it stays.
template <typename Bend>
Evaluated schedule(Evaluator& e, const Expression& call, Bend bend) {
    const Evaluated from = argument(e, call, 0), to = argument(e, call, 1),
                    over = argument(e, call, 2);
    Evaluated unit = argument(e, call, 3);
    if (unit.failed) return unit;
    if (!from.number || !to.number || !over.number || *over.number <= 0)
        return e.fail(DiagnosticKind::kBadExpression, call.span,
                      "a schedule needs constant numbers, and `over` above 0");
    ir::Builder& b = e.b();
    const ValueId t = b.emit(ir::Minimum{}, {b.scale(unit.value, 1 / *over.number), b.constant(1)});
    unit.value = b.offset(b.scale(bend(b, t), *to.number - *from.number), *from.number);
    return unit;
}

Evaluated linear(Evaluator& e, const Expression& call) {
    return schedule(e, call, [](ir::Builder&, ValueId t) { return t; });
}

/// Half a cosine: (1 - cos(pi t)) / 2.
Evaluated cosine(Evaluator& e, const Expression& call) {
    return schedule(e, call, [](ir::Builder& b, ValueId t) {
        return b.offset(b.scale(b.emit(ir::Cos{}, {b.scale(t, std::numbers::pi)}), -0.5), 0.5);
    });
}

}  // namespace

const std::map<std::string, CallFunction>& call_functions() {
    static const std::map<std::string, CallFunction> kTable = {
        {"abs", element_wise<ir::Abs>},
        {"bce_with_logits", bce_with_logits},
        {"bernoulli", bernoulli},
        {"clamp", clamp},
        {"concat", concat},
        {"cosine", cosine},
        {"erf", element_wise<ir::Erf>},
        {"exp", element_wise<ir::Exp>},
        {"floor", element_wise<ir::Floor>},
        {"grad", grad},
        {"leaky_relu", leaky_relu},
        {"lerp", lerp},
        {"linear", linear},
        {"log", element_wise<ir::Log>},
        {"log_softmax", log_softmax},
        {"max", max},
        {"mean", mean},
        {"min", min},
        {"norm", norm},
        {"normal", noise<true>},
        {"relu", relu},
        {"sigmoid", element_wise<ir::Sigmoid>},
        {"softmax", softmax},
        {"softplus", element_wise<ir::Softplus>},
        {"sqrt", element_wise<ir::Sqrt>},
        {"square", square},
        {"stop_gradient", element_wise<ir::StopGradient>},
        {"sum", sum},
        {"tanh", element_wise<ir::Tanh>},
        {"uniform", noise<false>},
    };
    return kTable;
}

}  // namespace gmc::build
