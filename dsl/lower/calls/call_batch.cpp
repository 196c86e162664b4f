// The batch as an axis: all examples as one tensor, and examples in another order.
#include <fmt/format.h>

#include "dsl/lower/calls/call_functions.h"
#include "dsl/lower/discrete.h"

namespace gmc::lower {
namespace {

using dsl::Expression;
using ir::kNone;
using ir::Shape;
using ir::ValueId;

Evaluated batched_argument(Evaluator& e, const Expression& call) {
    Evaluated x = argument(e, call, 0);
    if (x.failed || x.batched) return x;
    return e.fail(DiagnosticKind::kShapeMismatch, call.arguments[0]->span,
                  fmt::format("`{}` takes a value of each example, but this is {}", call.text,
                              describe(e, x)));
}

/// Row places[i] of x, [N, ...], for each i.
ValueId rows_at(ir::Builder& b, ValueId places, ValueId x) {
    const Shape shape = b.shape(x);
    const ValueId rows = b.reshape(x, {shape[0], b.type(x).elements() / shape[0]});
    return b.reshape(rows_of(b, places, rows), shape);
}

/// [N]: 1 for each example that counts, 0 for padding, which the last batch outside of training may
/// have. kNone in training.
ValueId rows_that_count(FunctionScope& f) {
    if (f.valid != kNone || f.training) return f.valid;
    return f.input("valid", {ir::InputSource::Kind::kValid, ""}, {f.m.batch});
}

/// x with the examples that count only, repeated in turn over all rows, so that a mean over rows is
/// about a mean over them.
ValueId counted(Evaluator& e, ValueId x) {
    FunctionScope& f = e.scope();
    const ValueId valid = rows_that_count(f);
    if (valid == kNone) return x;
    ir::Builder& b = f.b;
    const int64_t n = f.m.batch;
    const ValueId count = b.splat(b.reduce_sum(valid, {0}), {n});
    const ValueId i = b.emit_typed(ir::Iota{1, n}, {}, ir::f32({n}));
    // A quotient may round to below the integer that it is; with half of one more it does not.
    const ValueId turns = b.emit(ir::Floor{}, {b.div(b.offset(i, 0.5), count)});
    return rows_at(b, b.sub(i, b.mul(turns, count)), x);
}

/// [N, ...] without a batch: it meets every example.
Evaluated examples(Evaluator& e, const Expression& call) {
    Evaluated x = batched_argument(e, call);
    if (x.failed) return x;
    x.value = counted(e, x.value);
    x.batched = false;
    return x;
}

/// The place of each of N random numbers among them, along axis 0 of [N, D]. Those of padding come
/// last.
ValueId random_order(Evaluator& e, int64_t columns) {
    FunctionScope& f = e.scope();
    ir::Builder& b = f.b;
    const int64_t n = f.m.batch;
    ValueId u = f.random_uniform({n, columns});
    if (const ValueId valid = rows_that_count(f); valid != kNone)
        u = b.sub(u, b.broadcast(valid, {0}, {n, columns}));
    const Shape space{n, n, columns};  // i, j
    const ValueId u_i = b.broadcast(u, {0, 2}, space), u_j = b.broadcast(u, {1, 2}, space);
    const ValueId line = b.emit_typed(ir::Iota{1, n}, {}, ir::f32({n}));
    const ValueId after =
        b.emit(ir::Greater{}, {b.broadcast(line, {0}, space), b.broadcast(line, {1}, space)});
    const ValueId before =
        b.add(b.emit(ir::Greater{}, {u_i, u_j}), b.mul(b.emit(ir::Equal{}, {u_i, u_j}), after));
    return b.reduce_sum(before, {1});
}

/// The examples in a random order; with `axis`, each position along it in an order of its own.
Evaluated shuffled(Evaluator& e, const Expression& call) {
    Evaluated x = batched_argument(e, call);
    if (x.failed) return x;
    const int64_t axis = named_axis(e, call, x, x.failed);
    if (x.failed) return x;
    ir::Builder& b = e.b();
    const Shape shape = b.shape(x.value);
    const int64_t n = shape[0];
    if (axis == kNone) {
        x.value = rows_at(b, b.reshape(random_order(e, 1), {n}), x.value);
        return x;
    }
    const int64_t columns = shape[static_cast<size_t>(axis)];
    const ValueId order = random_order(e, columns);
    // y[r, ...] = the x[i, ...] whose place is r: the space is [r, i, ...].
    Shape space = shape;
    space.insert(space.begin(), n);
    std::vector<int64_t> dims = ir::all_axes(static_cast<int64_t>(shape.size()));
    for (int64_t& dim : dims) ++dim;
    const ValueId line = b.emit_typed(ir::Iota{1, n}, {}, ir::f32({n}));
    const ValueId here = b.emit(
        ir::Equal{}, {b.broadcast(order, {1, axis + 1}, space), b.broadcast(line, {0}, space)});
    x.value =
        b.reduce_sum(b.select(here, b.broadcast(x.value, dims, space), b.constant(0, space)), {1});
    return x;
}

}  // namespace

CallFunctions batch_functions() { return {{"examples", examples}, {"shuffled", shuffled}}; }

}  // namespace gmc::lower
