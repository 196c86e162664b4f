// Positions, and choices between numbers: `index`, `where`.
#include <fmt/format.h>

#include "dsl/lower/calls/call_functions.h"

namespace gmc::lower {
namespace {

using dsl::Expression;
using ir::Shape;

/// The most positions of `index`: as many as a layer may have channels.
constexpr double kMostPositions = 1e6;

/// index(n): [0, 1, ..., n - 1], the same for every example.
Evaluated index(Evaluator& e, const Expression& call) {
    Evaluated result;
    const auto count = whole_number(e, call, 0, 1, kMostPositions);
    result.failed = !count.has_value();
    if (count) result.value = e.b().emit_typed(ir::Iota{1, *count}, {}, ir::f32({*count}));
    return result;
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

CallFunctions selection_functions() { return {{"index", index}, {"where", where}}; }

}  // namespace gmc::lower
