// Positions, sizes, and choices between numbers: `index`, `eye`, `size_of`,
// `where`.
#include <fmt/format.h>

#include "dsl/lower/calls/call_functions.h"

namespace gmc::lower {
namespace {

using dsl::Expression;
using ir::Shape;

/// The most positions of `index`: as many as a layer may have channels.
constexpr double kMostPositions = 1e6;
/// The most rows and columns of `eye`.
constexpr double kMostSide = 1e4;

/// index(n): [0, 1, ..., n - 1], the same for every example.
Evaluated index(Evaluator& e, const Expression& call) {
    Evaluated result;
    const auto count = whole_number(e, call, 0, 1, kMostPositions);
    result.failed = !count.has_value();
    if (count) result.value = e.b().emit_typed(ir::Iota{1, *count}, {}, ir::f32({*count}));
    return result;
}

/// eye(n): 1 where row and column are equal, else 0; the same for every example.
Evaluated eye(Evaluator& e, const Expression& call) {
    Evaluated result;
    const auto count = whole_number(e, call, 0, 1, kMostSide);
    result.failed = !count.has_value();
    if (!count) return result;
    ir::Builder& b = e.b();
    const Shape square{*count, *count};
    const ir::ValueId line = b.emit_typed(ir::Iota{1, *count}, {}, ir::f32({*count}));
    result.value =
        b.emit(ir::Equal{}, {b.broadcast(line, {0}, square), b.broadcast(line, {1}, square)});
    return result;
}

/// size_of(x, axis): the elements along an axis of the example, as a constant.
Evaluated size_of(Evaluator& e, const Expression& call) {
    const Evaluated x = argument(e, call, 0);
    if (x.failed) return x;
    const int64_t axis = axis_of(e, *call.arguments[1], x);
    if (axis == ir::kNone) return failed();
    return number_value(static_cast<double>(e.b().shape(x.value)[static_cast<size_t>(axis)]));
}

/// a where the condition is not 0, else b.
Evaluated where(Evaluator& e, const Expression& call) {
    Evaluated c = argument(e, call, 0), a = argument(e, call, 1), b = argument(e, call, 2);
    for (const Evaluated* x : {&c, &a, &b})
        if (x->failed) return *x;
    if (c.number) return *c.number != 0 ? a : b;
    // Each of the three may be the one that has the most axes.
    if (!e.match(call, c, a, 0, 1) || !e.match(call, c, b, 0, 2) || !e.match(call, c, a, 0, 1))
        return c.failed = true, c;
    c.value = e.b().select(c.value, a.value, b.value);
    return c;
}

}  // namespace

CallFunctions selection_functions() {
    return {{"eye", eye}, {"index", index}, {"size_of", size_of}, {"where", where}};
}

}  // namespace gmc::lower
