// Sums, means, extremes and norms.
//
// Without `axis` a reduction runs over all axes of an example; of one number per example, [N], it
// runs over the batch. Of [N, 1], vectors of one number, a mean, a maximum or a minimum would
// change nothing, so these run over the batch; a sum or a norm is that of each vector, so that
// `mean(sum(x))` and `mean(discriminator(x))` both mean what they say for vectors of any length.
// `axis` names one axis of the example, or a list of them, or `example` (all of them) or `batch`;
// `keep=true` leaves reduced axes with size 1.
#include <fmt/format.h>

#include <algorithm>

#include "dsl/lower/broadcasting.h"
#include "dsl/lower/calls/call_functions.h"

namespace gmc::lower {
namespace {

using dsl::Expression;
using ir::kNone;
using ir::Shape;
using ir::ValueId;

/// What a reduction runs over.
struct Over {
    bool batch = false;
    std::vector<int64_t> axes;  ///< of the tensor, increasing
    bool keep = false;
    bool failed = false;
};

bool is_word(const Expression& e, std::string_view word) {
    return e.kind == Expression::Kind::kName && e.text == word;
}

/// All axes but the batch.
Over all_of_example(Evaluator& e, const Evaluated& x) {
    Over over;
    over.axes = ir::all_axes(e.b().type(x.value).rank());
    if (x.batched) over.axes.erase(over.axes.begin());
    return over;
}

/// `axis=` is the word `example` or `batch`, one number, or a list of numbers. An axis that is
/// named twice is an error, since it can be reduced only once.
Over named_axes(Evaluator& e, const Expression& axis, const Evaluated& x) {
    Over over;
    if (is_word(axis, "example")) return all_of_example(e, x);
    if (is_word(axis, "batch")) {
        over.batch = true;
        over.failed = !x.batched;
        if (over.failed)
            e.fail(DiagnosticKind::kShapeMismatch, axis.span,
                   fmt::format("this is {}, the same for every example: it has no batch",
                               describe(e, x)));
        return over;
    }
    const bool list = axis.kind == Expression::Kind::kList;
    const size_t count = list ? axis.arguments.size() : 1;
    for (size_t i = 0; i < count && !over.failed; ++i) {
        const Expression& one = list ? *axis.arguments[i] : axis;
        const int64_t found = axis_of(e, one, x);
        over.failed = found == kNone;
        if (std::count(over.axes.begin(), over.axes.end(), found) != 0 && !over.failed) {
            over.failed = true;
            e.fail(DiagnosticKind::kBadExpression, one.span, "this axis is named twice");
        }
        over.axes.push_back(found);
    }
    std::sort(over.axes.begin(), over.axes.end());
    return over;
}

/// What the arguments of a call say that x, a tensor, is reduced over.
Over reduced_axes(Evaluator& e, const Expression& call, const Evaluated& x, bool one_is_a_number) {
    const Expression* axis = named_argument(call, "axis");
    Over over;
    if (axis != nullptr)
        over = named_axes(e, *axis, x);
    else if (only_batch_left(e, x, one_is_a_number))
        over.batch = true;
    else
        over = all_of_example(e, x);
    const Expression* keep = named_argument(call, "keep");
    if (keep == nullptr || over.failed) return over;
    const Evaluated flag = e.evaluate(*keep);
    over.failed = flag.failed || !flag.number;
    if (!flag.failed && !flag.number)
        e.fail(DiagnosticKind::kBadExpression, keep->span, "`keep` is true or false");
    over.keep = flag.number.value_or(0) != 0 && !over.batch;
    return over;
}

/// x, reduced from `shape`, with the reduced axes put back where that is wanted.
Evaluated kept(Evaluator& e, Evaluated x, const Over& over, Shape shape) {
    if (!over.keep) return x;
    for (const int64_t axis : over.axes) shape[static_cast<size_t>(axis)] = 1;
    x.value = e.b().reshape(x.value, std::move(shape));
    return x;
}

/// x reduced by `over_axes(value, axes)`, or by `over_batch(value)`.
template <typename OverAxes, typename OverBatch>
Evaluated reduce(Evaluator& e, Evaluated x, const Over& over, const OverAxes& over_axes,
                 const OverBatch& over_batch) {
    ir::Builder& b = e.b();
    const Shape shape = b.shape(x.value);
    if (over.batch) {
        const bool numbers = b.type(x.value).elements() == shape[0];
        x.value = over_batch(numbers ? b.reshape(x.value, {shape[0]}) : x.value);
        x.batched = false;
        return x;
    }
    if (!over.axes.empty()) x.value = over_axes(x.value, over.axes);
    return kept(e, std::move(x), over, shape);
}

Evaluated sum_of(Evaluator& e, const Evaluated& x, const Over& over) {
    return reduce(
        e, x, over, [&](ValueId v, const auto& axes) { return e.b().reduce_sum(v, axes); },
        [&](ValueId v) { return e.scope().batch_sum(v); });
}
Evaluated mean_of(Evaluator& e, const Evaluated& x, const Over& over) {
    return reduce(
        e, x, over, [&](ValueId v, const auto& axes) { return e.b().reduce_mean(v, axes); },
        [&](ValueId v) { return e.scope().batch_mean(v); });
}
Evaluated largest_of(Evaluator& e, const Evaluated& x, const Over& over) {
    return reduce(
        e, x, over,
        [&](ValueId v, const auto& axes) { return e.b().emit(ir::ReduceMax{axes}, {v}); },
        [&](ValueId v) { return e.scope().batch_largest(v); });
}

Evaluated total(Evaluator& e, const Expression& call, bool take_mean) {
    Evaluated x = argument(e, call, 0);
    if (x.failed || x.number) return x;
    const Over over = reduced_axes(e, call, x, take_mean);
    if (over.failed) return x.failed = true, x;
    return take_mean ? mean_of(e, x, over) : sum_of(e, x, over);
}
Evaluated mean(Evaluator& e, const Expression& call) { return total(e, call, true); }
Evaluated sum(Evaluator& e, const Expression& call) { return total(e, call, false); }

/// sqrt(sum of squares).
Evaluated norm(Evaluator& e, const Expression& call) {
    Evaluated x = argument(e, call, 0);
    if (x.failed) return x;
    x.value = e.materialize(x, {});
    x.number.reset();
    const Over over = reduced_axes(e, call, x, false);
    if (over.failed) return x.failed = true, x;
    x.value = e.b().mul(x.value, x.value);
    x = sum_of(e, x, over);
    x.value = square_root(e.b(), x.value);
    return x;
}

/// The largest number. A `sign` of -1 gives the smallest.
Evaluated extreme(Evaluator& e, const Expression& call, double sign) {
    Evaluated x = argument(e, call, 0);
    if (x.failed || x.number) return x;
    const Over over = reduced_axes(e, call, x, true);
    if (over.failed) return x.failed = true, x;
    if (sign < 0) x.value = e.b().neg(x.value);
    x = largest_of(e, x, over);
    if (sign < 0) x.value = e.b().neg(x.value);
    return x;
}

/// log(sum(exp(x))) = m + log(sum(exp(x - m))) with m the largest x, without overflow.
Evaluated logsumexp(Evaluator& e, const Expression& call) {
    Evaluated x = argument(e, call, 0);
    if (x.failed || x.number) return x;
    const Over over = reduced_axes(e, call, x, false);
    if (over.failed) return x.failed = true, x;
    if (over.batch)
        return reduce(
            e, x, over, [](ValueId v, const auto&) { return v; },
            [&](ValueId v) { return e.scope().batch_log_sum(v); });
    ir::Builder& b = e.b();
    const Shape shape = b.shape(x.value);
    const Over each{false, over.axes};
    Evaluated largest = largest_of(e, x, each);
    largest.value = b.emit(ir::StopGradient{}, {largest.value});
    const ValueId everywhere =
        b.broadcast(largest.value, ir::other_axes(b.type(x.value).rank(), over.axes), shape);
    x.value = b.emit(ir::Exp{}, {b.sub(x.value, everywhere)});
    x = sum_of(e, x, each);
    x.value = b.add(largest.value, b.emit(ir::Log{}, {x.value}));
    return kept(e, std::move(x), over, shape);
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
        {"logsumexp", logsumexp}, {"max", max}, {"mean", mean}, {"min", min},
        {"norm", norm},           {"sum", sum},
    };
}

}  // namespace gmc::lower
