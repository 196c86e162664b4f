// Gradients inside of an objective, and schedules of its numbers.
#include <fmt/format.h>

#include <numbers>

#include "compiler/build/call_functions.h"

namespace gmc::build {
namespace {

using dsl::Expression;
using ir::ValueId;

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

CallFunctions gradient_functions() {
    return {
        {"cosine", cosine},
        {"grad", grad},
        {"linear", linear},
    };
}

}  // namespace gmc::build
