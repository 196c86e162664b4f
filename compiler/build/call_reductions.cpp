// Sums, means, extremes and norms, and the softmax.
#include "compiler/build/call_functions.h"

namespace gmc::build {
namespace {

using dsl::Expression;
using ir::kNone;
using ir::Shape;
using ir::ValueId;

/// Under the root of `norm`, so that its gradient is finite at zero.
constexpr double kNormEpsilon = 1e-12;

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

Evaluated max(Evaluator& e, const Expression& call) {
    return positional(call) == 2 ? pairwise<ir::Maximum>(e, call) : extreme(e, call, 1);
}
Evaluated min(Evaluator& e, const Expression& call) {
    return positional(call) == 2 ? pairwise<ir::Minimum>(e, call) : extreme(e, call, -1);
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

}  // namespace

CallFunctions reduction_functions() {
    return {
        {"log_softmax", log_softmax},
        {"max", max},
        {"mean", mean},
        {"min", min},
        {"norm", norm},
        {"softmax", softmax},
        {"sum", sum},
    };
}

}  // namespace gmc::build
