// Sums, means, extremes and norms.
#include "dsl/lower/calls/call_functions.h"

namespace gmc::lower {
namespace {

using dsl::Expression;
using ir::kNone;
using ir::Shape;
using ir::ValueId;

/// The sum or mean of the only argument, over the named axis or by the rules of Evaluator::reduce.
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

/// sqrt(sum of squares) of each example.
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
    x.value = square_root(e.b(), x.value);
    return x;
}

/// The largest number of an example, or over the batch. A `sign` of -1 gives the smallest.
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
    if (x.batched && over_batch)
        x.value = e.scope().batch_largest(b.reshape(x.value, {b.shape(x.value)[0]}));
    else if (!axes.empty())
        x.value = b.emit(ir::ReduceMax{axes}, {x.value});
    if (sign < 0) x.value = b.neg(x.value);
    x.batched = x.batched && !over_batch;
    return x;
}

/// Two positional arguments are compared element by element; one is reduced.
Evaluated max(Evaluator& e, const Expression& call) {
    return positional(call) == 2 ? pairwise<ir::Maximum>(e, call) : extreme(e, call, 1);
}
Evaluated min(Evaluator& e, const Expression& call) {
    return positional(call) == 2 ? pairwise<ir::Minimum>(e, call) : extreme(e, call, -1);
}

}  // namespace

CallFunctions reduction_functions() {
    return {
        {"max", max}, {"mean", mean}, {"min", min}, {"norm", norm}, {"sum", sum},
    };
}

}  // namespace gmc::lower
