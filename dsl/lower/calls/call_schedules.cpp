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

/// Half a cosine from 0 to 1: (1 - cos(pi t)) / 2.
ValueId half_cosine(ir::Builder& b, ValueId t) {
    return b.offset(b.scale(b.emit(ir::Cos{}, {b.scale(t, std::numbers::pi)}), -0.5), 0.5);
}

ValueId at_most_one(ir::Builder& b, ValueId t) { return b.emit(ir::Minimum{}, {t, b.constant(1)}); }

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
    const ValueId t = at_most_one(b, b.scale(unit.value, 1 / *over.number));
    unit.value = b.offset(b.scale(bend(b, t), *to.number - *from.number), *from.number);
    return unit;
}

Evaluated linear(Evaluator& e, const Expression& call) {
    return schedule(e, call, [](ir::Builder&, ValueId t) { return t; });
}

Evaluated cosine(Evaluator& e, const Expression& call) { return schedule(e, call, half_cosine); }

/// Smith and Topin 2018, with the numbers of PyTorch's OneCycleLR: with t from 0 to 1 and a = 0.3,
/// the value is peak (1/25 + (1 - 1/25) h(t / a)) until a, and then peak (1 + (1/250000 - 1) h((t -
/// a) / (1 - a))), h being half a cosine. Where one h moves, the other is 0 or 1, so they add up.
/// (PyTorch reaches the ends one step earlier: it divides by the number of steps less one.)
Evaluated one_cycle(Evaluator& e, const Expression& call) {
    constexpr double kRising = 0.3, kFirst = 1.0 / 25, kLast = 1.0 / 250'000;
    const Evaluated peak = argument(e, call, 0), over = argument(e, call, 1);
    Evaluated unit = argument(e, call, 2);
    if (unit.failed) return unit;
    if (!peak.number || !over.number || *over.number <= 0)
        return e.fail(DiagnosticKind::kBadExpression, call.span,
                      "`one_cycle` needs constant numbers, and `over` above 0");
    if (!is_unit(*call.arguments[2])) return wrong_unit(e, call, 2);
    ir::Builder& b = e.b();
    const ValueId t = at_most_one(b, b.scale(unit.value, 1 / *over.number));
    const ValueId up = half_cosine(b, at_most_one(b, b.scale(t, 1 / kRising)));
    const ValueId falling = b.scale(b.offset(t, -kRising), 1 / (1 - kRising));
    const ValueId down = half_cosine(b, b.emit(ir::Maximum{}, {falling, b.constant(0)}));
    const ValueId share = b.add(b.scale(up, 1 - kFirst), b.scale(down, kLast - 1));
    unit.value = b.scale(b.offset(share, kFirst), *peak.number);
    return unit;
}

/// Fu et al. 2019: with r from 0 to 1 within each cycle, from + (to - from) min(r / growing, 1).
Evaluated cyclical(Evaluator& e, const Expression& call) {
    const Evaluated from = argument(e, call, 0), to = argument(e, call, 1),
                    growing = argument(e, call, 2), every = argument(e, call, 3);
    Evaluated unit = argument(e, call, 4);
    if (unit.failed) return unit;
    if (!from.number || !to.number || !growing.number || !every.number || *every.number <= 0 ||
        *growing.number <= 0 || *growing.number > 1)
        return e.fail(DiagnosticKind::kBadExpression, call.span,
                      "`cyclical` needs constant numbers, `growing` above 0 and at most 1, and "
                      "`every` above 0");
    if (!is_unit(*call.arguments[4])) return wrong_unit(e, call, 4);
    ir::Builder& b = e.b();
    const ValueId t = b.div(unit.value, b.constant(*every.number));
    const ValueId r = b.sub(t, b.emit(ir::Floor{}, {t}));
    const ValueId share = at_most_one(b, b.scale(r, 1 / *growing.number));
    unit.value = b.offset(b.scale(share, *to.number - *from.number), *from.number);
    return unit;
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
    unit.value = at_most_one(b, b.div(unit.value, b.constant(*over.number)));
    return unit;
}

}  // namespace

CallFunctions schedule_functions() {
    return {
        {"cosine", cosine},       {"cyclical", cyclical}, {"linear", linear},
        {"one_cycle", one_cycle}, {"steps", steps},       {"warm_up", warm_up},
    };
}

}  // namespace gmc::lower
