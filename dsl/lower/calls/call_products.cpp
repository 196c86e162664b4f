// Products of matrices, and what is made of comparisons with positions: look-ups, sorting, running
// sums. Those are products of repeated operands that are summed over one axis. Such a sum is one
// loop after fusion, so that the repeated operands are never in memory, and its derivatives are
// such sums again.
#include <fmt/format.h>

#include "dsl/lower/broadcasting.h"
#include "dsl/lower/calls/call_functions.h"

namespace gmc::lower {
namespace {

using dsl::Expression;
using ir::kNone;
using ir::Shape;
using ir::ValueId;

/// A tensor in another shape per example; the batch stays.
ValueId reshaped(Evaluator& e, const Evaluated& x, const Shape& example) {
    return e.b().reshape(x.value, x.batched ? batched(e.scope().m.batch, example) : example);
}

Shape slice(const Shape& shape, size_t from, size_t to) {
    return {shape.begin() + static_cast<std::ptrdiff_t>(from),
            shape.begin() + static_cast<std::ptrdiff_t>(to)};
}

Shape joined(Shape a, const Shape& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

/// An argument that is no number; failed after an error.
Evaluated tensor_argument(Evaluator& e, const Expression& call, size_t i) {
    Evaluated x = argument(e, call, i);
    if (x.failed || !x.number) return x;
    return e.fail(DiagnosticKind::kWrongType, call.arguments[i]->span,
                  fmt::format("`{}` takes tensors, not {}", call.text, describe(e, x)));
}

/// a[..., K] b[K, M] by one matrix product: all axes of a but the last become its rows.
ValueId product_with_matrix(Evaluator& e, const Evaluated& a, ValueId b, int64_t k, int64_t m) {
    ir::Builder& builder = e.b();
    Shape shape = builder.shape(a.value);
    const ValueId rows = builder.reshape(a.value, {builder.type(a.value).elements() / k, k});
    shape.back() = m;
    return builder.reshape(builder.emit(ir::Matmul{}, {rows, builder.reshape(b, {k, m})}), shape);
}

/// As in NumPy: a[..., N, K] b[..., K, M] -> [..., N, M]; the axes in front meet as in arithmetic,
/// and a vector counts as one row on the left, as one column on the right.
Evaluated matmul(Evaluator& e, const Expression& call) {
    Evaluated a = tensor_argument(e, call, 0), b = tensor_argument(e, call, 1);
    if (a.failed) return a;
    if (b.failed) return b;
    Shape left = e.example_shape(a), right = e.example_shape(b);
    const bool row = left.size() == 1, column = right.size() == 1;
    if (row) left.insert(left.begin(), 1);
    if (column) right.push_back(1);
    const auto misfit = [&] {
        return e.fail(DiagnosticKind::kShapeMismatch, call.span,
                      fmt::format("`matmul` cannot multiply {} and {}: the last size of the first "
                                  "must be the last but one of the second",
                                  describe(e, a), describe(e, b)),
                      "`permute` exchanges axes");
    };
    if (left.size() < 2 || right.size() < 2) return misfit();
    const size_t i = left.size() - 2, j = right.size() - 2;
    const int64_t n = left[i], k = left[i + 1], m = right[j + 1];
    const auto front = common_shape(slice(left, 0, i), slice(right, 0, j));
    if (right[j] != k || !front) return misfit();
    Evaluated result;
    result.batched = a.batched || b.batched;
    result.networks = a.networks;
    result.networks.insert(b.networks.begin(), b.networks.end());
    Shape out = *front;
    if (!row) out.push_back(n);
    if (!column) out.push_back(m);
    if (!b.batched && j == 0) {
        result.value = product_with_matrix(e, a, b.value, k, m);
    } else {
        const auto matrices = [&](const Evaluated& x, const Shape& own, int64_t rows,
                                  int64_t columns) {
            Shape shape = joined(*front, {rows, columns});
            if (result.batched) shape = batched(e.scope().m.batch, shape);
            return spread(e.b(), reshaped(e, x, own), x.batched, shape, result.batched);
        };
        result.value =
            e.b().emit(ir::Matmul{}, {matrices(a, left, n, k), matrices(b, right, k, m)});
    }
    result.value = reshaped(e, result, out);
    return result;
}

/// Positions along axis `axis` of a tensor of `shape`.
ValueId positions(ir::Builder& b, const Shape& shape, size_t axis) {
    const ValueId line = b.emit_typed(ir::Iota{1, shape[axis]}, {}, ir::f32({shape[axis]}));
    return b.broadcast(line, {static_cast<int64_t>(axis)}, shape);
}

/// x[..., n] as [..., n, n] twice: x_i varies along the last but one axis, x_j along the last.
struct Pairs {
    ValueId i, j;
    Shape space;
    size_t axis;  ///< of i
};
Pairs pairs_of(ir::Builder& b, ValueId x) {
    Pairs pairs;
    pairs.space = b.shape(x);
    const int64_t n = pairs.space.back(), rank = static_cast<int64_t>(pairs.space.size());
    pairs.axis = pairs.space.size() - 1;
    pairs.space.push_back(n);
    std::vector<int64_t> along_j = ir::all_axes(rank);
    along_j.back() = rank;
    pairs.i = b.broadcast(x, ir::all_axes(rank), pairs.space);
    pairs.j = b.broadcast(x, along_j, pairs.space);
    return pairs;
}

/// The place of each number along the last axis when they are sorted: how many others come before
/// it. Of equal ones the first does.
ValueId rank_of(ir::Builder& b, ValueId x, bool descending) {
    const Pairs p = pairs_of(b, x);
    const ValueId before =
        descending ? b.emit(ir::Greater{}, {p.j, p.i}) : b.emit(ir::Greater{}, {p.i, p.j});
    const ValueId tie = b.mul(
        b.emit(ir::Equal{}, {p.i, p.j}),
        b.emit(ir::Greater{}, {positions(b, p.space, p.axis), positions(b, p.space, p.axis + 1)}));
    return b.reduce_sum(b.add(before, tie), {static_cast<int64_t>(p.axis) + 1});
}

/// y[..., r] = the x[..., i] with place[..., i] = r, for r below `count`.
ValueId placed(ir::Builder& b, ValueId x, ValueId place, int64_t count) {
    Shape space = b.shape(x);
    const auto rank = static_cast<int64_t>(space.size());
    space.insert(space.end() - 1, count);  // [..., r, i]
    std::vector<int64_t> along_i = ir::all_axes(rank);
    along_i.back() = rank;
    const ValueId here = b.emit(ir::Equal{}, {b.broadcast(place, along_i, space),
                                              positions(b, space, static_cast<size_t>(rank) - 1)});
    return b.reduce_sum(b.select(here, b.broadcast(x, along_i, space), b.constant(0, space)),
                        {rank});
}

/// The argument of a function along one axis, which is moved to the end, and the way back.
struct Line {
    Evaluated x;
    int64_t axis = kNone;
};
ValueId swapped(ir::Builder& b, ValueId x, int64_t axis) {
    const int64_t last = b.type(x).rank() - 1;
    std::vector<int64_t> order = ir::all_axes(last + 1);
    std::swap(order[static_cast<size_t>(axis)], order[static_cast<size_t>(last)]);
    return axis == last ? x : b.transpose(x, order);
}
Line line_of(Evaluator& e, const Expression& call) {
    Line line{tensor_argument(e, call, 0)};
    if (line.x.failed) return line;
    const int64_t rank = e.b().type(line.x.value).rank(), first = line.x.batched ? 1 : 0;
    line.axis = named_axis(e, call, line.x, line.x.failed);
    if (line.axis == kNone && !line.x.failed && rank == first)
        line.x = e.fail(
            DiagnosticKind::kShapeMismatch, call.arguments[0]->span,
            fmt::format("`{}` needs an axis, but this is {}", call.text, describe(e, line.x)));
    if (line.x.failed) return line;
    if (line.axis == kNone) line.axis = rank - 1;
    line.x.value = swapped(e.b(), line.x.value, line.axis);
    return line;
}
Evaluated back(Evaluator& e, Line line, ValueId value) {
    line.x.value = swapped(e.b(), value, line.axis);
    return line.x;
}

/// Whether the argument `name=true` is given.
bool flag(Evaluator& e, const Expression& call, const char* name, bool& failed) {
    const Expression* given = named_argument(call, name);
    if (given == nullptr) return false;
    const Evaluated value = e.evaluate(*given);
    failed |= !value.number.has_value();
    if (!value.failed && !value.number)
        e.fail(DiagnosticKind::kBadExpression, given->span,
               fmt::format("`{}` is true or false", name));
    return value.number.value_or(0) != 0;
}

Evaluated sort(Evaluator& e, const Expression& call) {
    Line line = line_of(e, call);
    const bool descending = flag(e, call, "descending", line.x.failed);
    if (line.x.failed) return line.x;
    ir::Builder& b = e.b();
    const ValueId place = rank_of(b, line.x.value, descending);
    return back(e, line, placed(b, line.x.value, place, b.shape(line.x.value).back()));
}

Evaluated rank(Evaluator& e, const Expression& call) {
    Line line = line_of(e, call);
    const bool descending = flag(e, call, "descending", line.x.failed);
    if (line.x.failed) return line.x;
    return back(e, line, rank_of(e.b(), line.x.value, descending));
}

Evaluated top_k(Evaluator& e, const Expression& call) {
    Line line = line_of(e, call);
    if (line.x.failed) return line.x;
    const int64_t size = e.b().shape(line.x.value).back();
    const auto count = whole_number(e, call, 1, 1, static_cast<double>(size));
    if (!count) return line.x.failed = true, line.x;
    const ValueId place = rank_of(e.b(), line.x.value, true);
    return back(e, line, placed(e.b(), line.x.value, place, *count));
}

/// y_i = the sum of x_j with j <= i; with `exclusive` j < i.
Evaluated cumsum(Evaluator& e, const Expression& call) {
    Line line = line_of(e, call);
    const bool exclusive = flag(e, call, "exclusive", line.x.failed);
    if (line.x.failed) return line.x;
    ir::Builder& b = e.b();
    const Pairs p = pairs_of(b, line.x.value);
    const ValueId i = positions(b, p.space, p.axis), j = positions(b, p.space, p.axis + 1);
    const ValueId left_out = exclusive
                                 ? b.sub(b.constant(1, p.space), b.emit(ir::Greater{}, {i, j}))
                                 : b.emit(ir::Greater{}, {j, i});
    const ValueId sum = b.reduce_sum(b.select(left_out, b.constant(0, p.space), p.j),
                                     {static_cast<int64_t>(p.axis) + 1});
    return back(e, line, sum);
}

/// x[..., i] at [..., i + step]; ones where nothing comes from.
ValueId moved_behind(ir::Builder& b, ValueId x, int64_t step) {
    const Shape shape = b.shape(x);
    Shape ones = shape;
    ones.back() = std::min(step, shape.back());
    if (step >= shape.back()) return b.constant(1, ones);
    ir::Slice kept{Shape(shape.size(), 0), shape};
    kept.limits.back() -= step;
    const int64_t last = static_cast<int64_t>(shape.size()) - 1;
    return b.emit(ir::Concat{last}, {b.constant(1, ones), b.emit(kept, {x})});
}

/// y_i = the product of x_j with j <= i; with `exclusive` j < i. After step s, each y has the
/// product of the last 2^s numbers up to it (Hillis and Steele 1986), so that no logarithm is
/// needed, which negative numbers do not have.
Evaluated cumprod(Evaluator& e, const Expression& call) {
    Line line = line_of(e, call);
    const bool exclusive = flag(e, call, "exclusive", line.x.failed);
    if (line.x.failed) return line.x;
    ir::Builder& b = e.b();
    const int64_t size = b.shape(line.x.value).back();
    ValueId product = exclusive ? moved_behind(b, line.x.value, 1) : line.x.value;
    for (int64_t step = 1; step < size; step *= 2)
        product = b.mul(product, moved_behind(b, product, step));
    return back(e, line, product);
}

/// table[K, D...], index[I...] -> [I..., D...]: for each index its row of the table.
Evaluated lookup(Evaluator& e, const Expression& call) {
    Evaluated table = tensor_argument(e, call, 0), index = argument(e, call, 1);
    if (table.failed) return table;
    if (index.failed) return index;
    ir::Builder& b = e.b();
    index.value = e.materialize(index, {});
    index.number.reset();
    const Shape rows = e.example_shape(table), places = e.example_shape(index);
    if (rows.empty())
        return e.fail(
            DiagnosticKind::kShapeMismatch, call.arguments[0]->span,
            fmt::format("`lookup` needs a table of rows, but this is {}", describe(e, table)));
    // [I..., D..., K], summed over K.
    const Shape units = slice(rows, 1, rows.size());
    Shape space = joined(joined(places, units), {rows[0]});
    const bool any = table.batched || index.batched;
    if (any) space = batched(e.scope().m.batch, space);
    const Shape ones(units.size(), 1);
    const ValueId wanted =
        spread(b, reshaped(e, index, joined(joined(places, ones), {1})), index.batched, space, any);
    std::vector<int64_t> order = ir::all_axes(b.type(table.value).rank());
    const auto first = order.begin() + (table.batched ? 1 : 0);
    std::rotate(first, first + 1, order.end());  // K goes last
    const ValueId turned = order.size() > 1 ? b.transpose(table.value, order) : table.value;
    const ValueId entries = spread(b, turned, table.batched, space, any);
    const ValueId here = b.emit(ir::Equal{}, {wanted, positions(b, space, space.size() - 1)});
    index.value = b.reduce_sum(b.select(here, entries, b.constant(0, space)),
                               {static_cast<int64_t>(space.size()) - 1});
    index.batched = any;
    index.networks.insert(table.networks.begin(), table.networks.end());
    return index;
}

}  // namespace

CallFunctions product_functions() {
    return {
        {"cumprod", cumprod}, {"cumsum", cumsum}, {"lookup", lookup}, {"matmul", matmul},
        {"rank", rank},       {"sort", sort},     {"top_k", top_k},
    };
}

}  // namespace gmc::lower
