// Schedules: numbers that are functions of the step or the epoch.
#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "dsl/lower/calls/call_functions.h"

namespace gmc::lower {
namespace {

using dsl::Expression;
using ir::ValueId;

/// True for the word `step` or `epoch`.
bool is_unit(const Expression& e) {
    return e.kind == Expression::Kind::kName && (e.text == "step" || e.text == "epoch");
}

Evaluated wrong_unit(Evaluator& e, const Expression& call, size_t i) {
    return e.fail(DiagnosticKind::kBadExpression, call.arguments[i]->span,
                  fmt::format("the unit of `{}` is the word `step` or `epoch`, not `{}`", call.text,
                              dsl::to_string(*call.arguments[i])));
}

/// A schedule from `from` to `to` over `over` epochs or steps. t grows from 0 to 1 in that time and
/// then stays; `bend` maps it to the share of the way.
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

/// from * factor^floor(t / every), where the power is e^(k log(factor)). t is divided by `every`,
/// not multiplied by its reciprocal, so that the quotient is a whole number whenever it should be.
Evaluated steps(Evaluator& e, const Expression& call) {
    const Evaluated from = argument(e, call, 0), factor = argument(e, call, 1),
                    every = argument(e, call, 2);
    Evaluated unit = argument(e, call, 3);
    if (unit.failed) return unit;
    if (!from.number || !factor.number || !every.number || *factor.number <= 0 ||
        *every.number <= 0)
        return e.fail(DiagnosticKind::kBadExpression, call.span,
                      "`steps` needs constant numbers, and `factor` and `every` above 0");
    if (!is_unit(*call.arguments[3])) return wrong_unit(e, call, 3);
    ir::Builder& b = e.b();
    const ValueId times = b.emit(ir::Floor{}, {b.div(unit.value, b.constant(*every.number))});
    const ValueId power = b.emit(ir::Exp{}, {b.scale(times, std::log(*factor.number))});
    unit.value = b.scale(power, *from.number);
    return unit;
}

/// min((step + 1) / over, 1), so that the first step already trains; in epochs min(epoch / over,
/// 1).
Evaluated warm_up(Evaluator& e, const Expression& call) {
    const Evaluated over = argument(e, call, 0);
    Evaluated unit = argument(e, call, 1);
    if (unit.failed) return unit;
    if (!over.number || *over.number <= 0)
        return e.fail(DiagnosticKind::kBadExpression, call.span,
                      "`warm_up` needs a constant number above 0");
    if (!is_unit(*call.arguments[1])) return wrong_unit(e, call, 1);
    ir::Builder& b = e.b();
    if (call.arguments[1]->text == "step") unit.value = b.offset(unit.value, 1);
    unit.value =
        b.emit(ir::Minimum{}, {b.div(unit.value, b.constant(*over.number)), b.constant(1)});
    return unit;
}

}  // namespace

CallFunctions schedule_functions() {
    return {
        {"cosine", cosine},
        {"linear", linear},
        {"steps", steps},
        {"warm_up", warm_up},
    };
}

}  // namespace gmc::lower
