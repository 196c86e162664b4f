// Schedules: numbers that are functions of the step or the epoch.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <numbers>

#include "compiler/support/numbers.h"
#include "dsl/lower/calls/call_functions.h"

namespace gmc::lower {
namespace {

using dsl::Expression;
using ir::ValueId;

/// Whether an error was reported in one of them.
bool any_failed(std::initializer_list<const Evaluated*> arguments) {
    return std::any_of(arguments.begin(), arguments.end(),
                       [](const Evaluated* one) { return one->failed; });
}

/// Whether argument `i`, of the value `unit`, is the word `step` or `epoch`, and means the time, no
/// parameter of that name. False after an error.
bool is_unit(Evaluator& e, const Expression& call, size_t i, const Evaluated& unit) {
    const Expression& word = *call.arguments[i];
    const bool named =
        word.kind == Expression::Kind::kName && (word.text == "step" || word.text == "epoch");
    if (named && !unit.number && !unit.batched && e.b().shape(unit.value).empty()) return true;
    e.fail(DiagnosticKind::kBadExpression, word.span,
           fmt::format("the unit of `{}` is the word `step` or `epoch`, not `{}`", call.text,
                       unit.number ? fmt::format("{}", *unit.number) : dsl::to_string(word)));
    return false;
}

/// Whether argument `i`, a number above 0, is so in f32, in which the schedule divides by it, and
/// its inverse is finite there. False after an error.
bool can_divide(Evaluator& e, const Expression& call, size_t i, double number) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    std::string why = dsl::misfit(number, {0, kInfinity, true, true});
    if (why.empty() && !fits_f32(1 / number)) why = "whose inverse does not fit in f32";
    if (why.empty()) return true;
    e.fail(DiagnosticKind::kBadValue, call.arguments[i]->span,
           fmt::format("`{}` divides by {}, {}", call.text, number, why));
    return false;
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
    if (any_failed({&from, &to, &over, &unit})) return failed();
    if (!from.number || !to.number || !over.number || *over.number <= 0)
        return e.fail(DiagnosticKind::kBadExpression, call.span,
                      "a schedule needs constant numbers, and `over` above 0");
    if (!is_unit(e, call, 3, unit) || !can_divide(e, call, 2, *over.number)) return failed();
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
/// Counted in steps, the last of n is step n - 1: as in PyTorch both parts end one step earlier.
Evaluated one_cycle(Evaluator& e, const Expression& call) {
    constexpr double kFirst = 1.0 / 25, kLast = 1.0 / 250'000, kFewest = 4;
    const Evaluated peak = argument(e, call, 0), over = argument(e, call, 1);
    Evaluated unit = argument(e, call, 2);
    if (any_failed({&peak, &over, &unit})) return failed();
    if (!peak.number || !over.number || *over.number <= 0)
        return e.fail(DiagnosticKind::kBadExpression, call.span,
                      "`one_cycle` needs constant numbers, and `over` above 0");
    if (!is_unit(e, call, 2, unit)) return failed();
    if (!can_divide(e, call, 1, *over.number)) return failed();
    const double early = call.arguments[2]->text == "step" ? 1 : 0;
    if (early > 0 && *over.number < kFewest)
        return e.fail(DiagnosticKind::kBadExpression, call.arguments[1]->span,
                      fmt::format("`one_cycle` rises and falls in {} steps, it needs at least {}",
                                  *over.number, kFewest));
    const double end = *over.number - early, rising = (0.3 * *over.number - early) / end;
    ir::Builder& b = e.b();
    const ValueId t = at_most_one(b, b.scale(unit.value, 1 / end));
    const ValueId up = half_cosine(b, at_most_one(b, b.scale(t, 1 / rising)));
    const ValueId falling = b.scale(b.offset(t, -rising), 1 / (1 - rising));
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
    if (any_failed({&from, &to, &growing, &every, &unit})) return failed();
    if (!from.number || !to.number || !growing.number || !every.number || *every.number <= 0 ||
        *growing.number <= 0 || *growing.number > 1)
        return e.fail(DiagnosticKind::kBadExpression, call.span,
                      "`cyclical` needs constant numbers, `growing` above 0 and at most 1, and "
                      "`every` above 0");
    if (!is_unit(e, call, 4, unit)) return failed();
    if (!can_divide(e, call, 2, *growing.number) || !can_divide(e, call, 3, *every.number))
        return failed();
    if (call.arguments[4]->text == "step" && *every.number <= 1)
        return e.fail(
            DiagnosticKind::kBadValue, call.arguments[3]->span,
            fmt::format("a cycle of {} {} has no step between its ends: every step "
                        "begins one, and the number is always {}",
                        *every.number, *every.number == 1 ? "step" : "steps", *from.number),
            "a cycle has at least 2 steps; `epoch` for `step` counts in epochs");
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
    if (any_failed({&from, &factor, &every, &unit})) return failed();
    if (!from.number || !factor.number || !every.number || *factor.number <= 0 ||
        *every.number <= 0)
        return e.fail(DiagnosticKind::kBadExpression, call.span,
                      "`steps` needs constant numbers, and `factor` and `every` above 0");
    if (!is_unit(e, call, 3, unit)) return failed();
    if (!can_divide(e, call, 2, *every.number)) return failed();
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
    if (any_failed({&over, &unit})) return failed();
    if (!over.number || *over.number <= 0)
        return e.fail(DiagnosticKind::kBadExpression, call.span,
                      "`warm_up` needs a constant number above 0");
    if (!is_unit(e, call, 1, unit)) return failed();
    if (!can_divide(e, call, 0, *over.number)) return failed();
    ir::Builder& b = e.b();
    if (call.arguments[1]->text == "step") unit.value = b.offset(unit.value, 1);
    unit.value = at_most_one(b, b.div(unit.value, b.constant(*over.number)));
    return unit;
}

/// A term of a loss in each k-th step: x with k times its gradient, s + k (x - s) with s = x held
/// constant. In functions of other steps something that is 0 stands for it, and x is not computed.
Evaluated every(Evaluator& e, const Expression& call) {
    FunctionScope& f = e.scope();
    const Evaluated k = e.whole(*call.arguments[1]);
    if (k.failed) return k;
    constexpr double kMost = 1e6;
    if (!k.number || *k.number < 1 || *k.number > kMost || *k.number != std::floor(*k.number))
        return e.fail(DiagnosticKind::kBadExpression, call.arguments[1]->span,
                      fmt::format("the second argument of `every` is a whole number of steps from "
                                  "1 to 1,000,000, not `{}`",
                                  dsl::to_string(*call.arguments[1])));
    if (f.outer() != nullptr)
        return e.fail(DiagnosticKind::kBadExpression, call.span,
                      "`every` is a term of a loss and has no place in a loop");
    const auto interval = static_cast<int64_t>(*k.number);
    ir::Builder& b = e.b();
    Evaluated x;
    if (f.every && *f.every % interval != 0) {
        x.value = b.constant(0);
        f.left_out.insert(x.value);
        return x;
    }
    x = argument(e, call, 0);
    if (x.failed) return x;
    if (!x.number && (x.batched || !b.shape(x.value).empty()))
        return e.fail(DiagnosticKind::kLossNotScalar, call.arguments[0]->span,
                      fmt::format("`every` takes one number, a term of a loss, but this is {}",
                                  describe(e, x)),
                      "`mean(sum(...))` sums each example and averages over the batch");
    if (!f.every || x.number) return x;
    const ValueId held = b.emit(ir::StopGradient{}, {x.value});
    x.value = b.add(held, b.scale(b.sub(x.value, held), *k.number));
    return x;
}

}  // namespace

CallFunctions schedule_functions() {
    return {
        {"cosine", cosine}, {"cyclical", cyclical},   {"every", every},     {"linear", linear},
        {"steps", steps},   {"one_cycle", one_cycle}, {"warm_up", warm_up},
    };
}

}  // namespace gmc::lower
