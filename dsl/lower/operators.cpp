// Operators of expressions: arithmetic, comparisons and logic on tensors of shapes that meet.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "compiler/support/numbers.h"
#include "dsl/lower/broadcasting.h"
#include "dsl/lower/calls/call_functions.h"
#include "dsl/lower/evaluate.h"
#include "dsl/lower/shape_errors.h"
#include "dsl/rate_end.h"

namespace gmc::lower {

using dsl::Expression;
using ir::kNone;
using ir::Shape;
using ir::ValueId;

namespace {

/// Whether `e` reduces axes that it names, and does not keep them.
bool lost_axis(const Expression& e) {
    const auto has = [&](const char* name) {
        return std::count(e.argument_names.begin(), e.argument_names.end(), name) != 0;
    };
    return e.kind == Expression::Kind::kCall && has("axis") && !has("keep") &&
           (e.text == "sum" || e.text == "mean" || e.text == "max" || e.text == "min" ||
            e.text == "norm" || e.text == "logsumexp");
}

}  // namespace

/// A call that computes one number of numbers alone is a constant, as `2 * 3` is: so ranges are
/// checked of `exp(1)` as of 2.718. `first` is the first op that the call made.
Evaluated Evaluator::folded(Evaluated e, size_t first) {
    if (e.failed || e.batched || e.value == kNone || !f_.b.shape(e.value).empty() ||
        f_.left_out.count(e.value) != 0)
        return e;
    std::map<ValueId, double> numbers;
    for (size_t i = first; i < f_.function.operations.size(); ++i) {
        const ir::Operation& op = f_.function.operations[i];
        if (op.results.size() != 1) continue;
        std::vector<double> operands;
        for (const ValueId v : op.operands)
            if (const auto known = numbers.find(v); known != numbers.end())
                operands.push_back(known->second);
        if (operands.size() != op.operands.size()) continue;
        if (const auto* constant = op.as<ir::Constant>())
            numbers[op.result()] = constant->value;
        else if (const auto value = ir::scalar_value(op.op, operands))
            numbers[op.result()] = *value;
    }
    if (const auto value = numbers.find(e.value); value != numbers.end()) {
        e.number = value->second;
        e.value = kNone;
    }
    return e;
}

Evaluated Evaluator::whole(const Expression& expression) {
    const std::optional<double> number = dsl::constant_value(expression);
    if (!number || fits_f32(*number)) return tensor(expression);
    return number_value(std::isnan(*number) ? std::abs(*number) : *number);  // no "-nan" in texts
}

/// Whether a number that changes in training is in `range`, as far as that shows: the ends of a
/// schedule, else there is an error, and all of its length, else a warning. What may leave the
/// range is watched in training.
bool Evaluator::stays_within(const Expression& e, const std::string& what,
                             const dsl::Range& range) {
    const bool two = e.text == "linear" || e.text == "cosine" || e.text == "cyclical";
    const bool one = e.text == "steps" || e.text == "one_cycle";
    const size_t ends = e.kind != Expression::Kind::kCall ? 0 : two ? 2 : one ? 1 : 0;
    for (size_t i = 0; i < ends; ++i) {
        const Expression& end = *e.arguments[i];
        const std::optional<double> value = dsl::constant_value(end);
        const std::string why = value ? misfit(*value, range) : "";
        if (why.empty()) continue;
        fail(DiagnosticKind::kBadValue, end.span,
             fmt::format("{} comes to be {}, {}", what, *value, why));
        return false;
    }
    const auto odd = dsl::first_misfit(f_.m.view, e, [&](double v) { return misfit(v, range); });
    if (odd) {
        const std::string text = fmt::format(
            "{} is {:.6g} in {}, {}", what,
            std::isnan(odd->value) ? std::abs(odd->value) : odd->value, odd->when, odd->why);
        if (f_.m.reported_once(e.span, text))
            f_.m.diagnostics.warning(DiagnosticKind::kBadValue, e.span, "{}", text);
    }
    f_.m.watch(e, what, range);
    return true;
}

Evaluated Evaluator::bounded_scalar(const Expression& expression, const std::string& what,
                                    const dsl::Range& range) {
    Evaluated e = tensor(expression);
    if (e.failed) return e;
    if (!e.number) {
        const bool fits = !e.batched && f_.b.shape(e.value).empty();
        if (!fits) e.value = scalar(expression, what);  // for its error
        e.failed = e.value == kNone || !stays_within(expression, what, range);
        return e;
    }
    if (const std::string why = misfit(*e.number, range); !why.empty()) {
        const std::string written = dsl::to_string(expression);
        const std::string value = fmt::format("{}", *e.number);
        return fail(DiagnosticKind::kBadValue, expression.span,
                    written == value
                        ? fmt::format("{} is {}, {}", what, value, why)
                        : fmt::format("{} is {}, that is {}, {}", what, written, value, why));
    }
    e.value = f_.b.constant(*e.number);
    return e;
}

Evaluated Evaluator::unary(const Expression& e) {
    Evaluated x = e.text == "not" ? truth(*e.arguments[0]) : evaluate(*e.arguments[0]);
    if (x.weights) return each_weight(e, {x});
    x = as_tensor(std::move(x), *e.arguments[0]);
    if (x.failed || e.text == "+") return x;
    if (e.text == "not" && x.number) return number_value(1 - *x.number);
    if (x.number) return number_value(-*x.number);
    x.value = e.text == "not" ? f_.b.sub(f_.b.constant(1, f_.b.shape(x.value)), x.value)
                              : f_.b.neg(x.value);
    return x;
}

Shape Evaluator::example_shape(const Evaluated& x) {
    return x.batched ? example_of(f_.b.shape(x.value)) : f_.b.shape(x.value);
}

/// Whether `made`, by a network, has another shape than `field`, a field of the data, so that one
/// of them would repeat, and that is hardly meant: fewer numbers (one channel against three), as
/// many on other axes, three channels or four against one. Of a recipe's operands none may repeat
/// (`strict`); elsewhere several numbers for one of the data may be the parts of a mixture.
bool Evaluator::is_unlike_data(const Evaluated& made, const Evaluated& field, bool strict) {
    if (!made.batched || made.value == kNone || made.networks.empty() || !field.batched ||
        f_.fields.count(field.value) == 0)
        return false;
    const Shape has = example_shape(made), wants = example_shape(field);
    const int64_t made_numbers = elements_of(has), numbers = elements_of(wants);
    if (made_numbers < numbers) return true;
    if (has == wants || has.size() != wants.size() || numbers == 1) return false;
    const bool colours = wants.back() == 1 && (has.back() == 3 || has.back() == 4);
    return strict || made_numbers == numbers || colours;
}

/// Whether one of two values that are compared repeats along axes which it does not have at all:
/// [3] against [8, 8, 3], after a forgotten `flatten` or a mean too many. One number goes with
/// anything, unless both are results of networks. What is computed from the other value may lack
/// its axes on purpose, as the means of its channels do; so does what has axes of size 1 instead.
bool Evaluator::lacks_axes(const Expression& where, const Evaluated& a, const Evaluated& b) {
    if (!a.batched || !b.batched || a.value == kNone || b.value == kNone) return false;
    const Shape left = example_shape(a), right = example_shape(b);
    if (left.size() == right.size()) return false;
    const Expression *first = &f_.m.view.resolved(*where.arguments[0]),
                     *second = &f_.m.view.resolved(*where.arguments[1]);
    const auto is_result = [&](const Expression& e) {
        const bool member = e.kind == Expression::Kind::kMember;
        const Expression& call = member ? f_.m.view.resolved(*e.arguments[0]) : e;
        return call.kind == Expression::Kind::kCall && f_.m.view.network(call.text);
    };
    if (elements_of(left) == 1 && elements_of(right) == 1) return false;
    if ((elements_of(left) == 1 || elements_of(right) == 1) &&
        !(is_result(*first) && is_result(*second)))
        return false;
    if (left.size() > right.size()) std::swap(first, second);
    const std::string larger = dsl::to_string(*second);
    bool computed = false;
    f_.m.view.walk(*first, [&](const Expression& part) {
        computed |= dsl::to_string(f_.m.view.resolved(part)) == larger;
    });
    return !computed;
}

/// Whether the result of a network has several numbers for the one of a field of the data: all of
/// them would be compared with it, which is hardly meant. `q.mean`, an output among others, may be
/// the parts of a mixture.
bool Evaluator::outnumbers_data(const Expression& of, const Evaluated& made,
                                const Evaluated& field) {
    const Expression& e = f_.m.view.resolved(of);
    const bool is_result = e.kind == Expression::Kind::kCall && f_.m.view.network(e.text);
    return is_result && made.batched && made.value != kNone && field.batched &&
           f_.fields.count(field.value) != 0 && elements_of(example_shape(field)) == 1 &&
           elements_of(example_shape(made)) > 1;
}

/// Whether `e` is the class of an example as 1 among 0, which goes with one row of probabilities.
bool Evaluator::is_class_code(const Expression& e) const {
    const Expression& value = f_.m.view.resolved(e);
    if (value.kind != Expression::Kind::kCall || value.text != "one_hot") return false;
    const dsl::DataField* field = f_.m.view.field_of(*value.arguments[0]);
    return field != nullptr && field->shape.empty();
}

/// A network may give one number for several of the data on purpose, so this is no error.
void Evaluator::warn_of_repeats(const Expression& where, const Evaluated& a, const Evaluated& b) {
    const std::string text =
        fmt::format("`{}` is {}, `{}` is {}: numbers of one repeat to meet those of the other",
                    dsl::to_string(*where.arguments[0]), describe(*this, a),
                    dsl::to_string(*where.arguments[1]), describe(*this, b));
    if (!f_.m.reported_once(where.span, text)) return;
    Diagnostic& warning =
        f_.m.diagnostics.warning(DiagnosticKind::kShapeMismatch, where.span, "{}", text);
    const bool equality = where.text == "==" || where.text == "!=";
    for (const bool second : {false, true}) {
        const Expression &side = *where.arguments[second ? 1 : 0],
                         &value = f_.m.view.resolved(side);
        if (equality && is_class_code(side) && example_shape(second ? a : b).empty()) {
            warning.help(fmt::format("compare with `{}`", dsl::to_string(*value.arguments[0])));
            return;
        }
        const auto field = f_.fields.find((second ? b : a).value);
        const Shape others = example_shape(second ? a : b);
        if (field == f_.fields.end() || field->second->classes <= 2 ||
            !field->second->shape.empty() || others != Shape{field->second->classes})
            continue;
        const std::string other = dsl::to_string(*where.arguments[second ? 0 : 1]);
        warning.help(equality ? fmt::format("the class is `argmax({})`", other)
                              : fmt::format("`one_hot({})` has a number for each class",
                                            dsl::to_string(side)));
        return;
    }
    const Shape left = example_shape(a), right = example_shape(b);
    if (left.size() == right.size() || std::max(left.size(), right.size()) == 1) {
        warning.help("a network that makes the data ends in their shape");
        return;
    }
    const bool first = left.size() < right.size();
    Shape all(std::max(left.size(), right.size()), 1);
    std::copy_backward((first ? left : right).begin(), (first ? left : right).end(), all.end());
    warning.help("is a `flatten` missing, or an axis too many in a `mean` or `sum`?")
        .help(fmt::format("where each of them is meant for all of the others: `reshape({}, [{}])`",
                          dsl::to_string(*where.arguments[first ? 0 : 1]), fmt::join(all, ", ")));
}

/// 1. A constant takes the shape of the other side.
/// 2. Otherwise the common shape of both is found by the rule in broadcasting.h, and
///    each side is repeated to it; the result has a batch if one of them has.
/// 3. Without a common shape the error names both sides, and in a recipe the network that is at
///    fault.
bool Evaluator::match(const Expression& where, Evaluated& a, Evaluated& b, size_t first,
                      size_t second) {
    // Recipes have no outer products: where both sides repeat there, a network has a wrong shape.
    const bool in_recipe = where.span.known() && where.span.file == f_.m.spec.objective.recipe.file;
    const bool unlike_data = is_unlike_data(a, b, in_recipe) || is_unlike_data(b, a, in_recipe);
    const bool equality = where.text == "==" || where.text == "!=";
    const bool compares = equality || where.text == "-" || where.text == "bce_with_logits";
    const Expression &left = *where.arguments[first], &right = *where.arguments[second];
    const bool unlike = compares && (unlike_data || lacks_axes(where, a, b) ||
                                     outnumbers_data(left, a, b) || outnumbers_data(right, b, a));
    const bool unlike_class = (where.text == "*" || equality) &&
                              (is_class_code(left) || is_class_code(right)) &&
                              !(a.networks.empty() && b.networks.empty()) &&
                              (lacks_axes(where, a, b) ||
                               (equality && example_shape(a).size() != example_shape(b).size()));
    a.networks.insert(b.networks.begin(), b.networks.end());
    b.networks = a.networks;
    for (auto [number, other] : {std::pair{&a, &b}, std::pair{&b, &a}}) {
        if (!number->number) continue;
        number->value = f_.b.constant(*number->number, f_.b.shape(other->value));
        number->number.reset();
        number->batched = other->batched;
        return true;
    }
    const bool counterparts = where.text == "bce_with_logits" || in_recipe;
    const bool any = a.batched || b.batched;
    auto common = a.batched && b.batched
                      ? common_example_shape(example_shape(a), example_shape(b),
                                             counterparts ? Repeat::kOne : Repeat::kBoth)
                      : common_shape(example_shape(a), example_shape(b));
    if (common && unlike_data && compares && counterparts) common.reset();
    if (common && (unlike || unlike_class)) warn_of_repeats(where, a, b);
    if (common) {
        const Shape to = any ? batched(f_.m.batch, *common) : *common;
        for (Evaluated* x : {&a, &b}) {
            x->value = spread(f_.b, x->value, x->batched, to, any);
            x->batched = any;
        }
        return true;
    }
    ShapeError error;
    if (a.batched && b.batched)
        error = clash(f_.m, left, example_shape(a), right, example_shape(b));
    error.where = where.span;
    error.text = fmt::format("`{}` is {}, but `{}` is {}", dsl::to_string(left), describe(*this, a),
                             dsl::to_string(right), describe(*this, b));
    for (const Expression* side : {&left, &right})
        if (error.help.empty() && lost_axis(f_.m.view.resolved(*side)))
            error.help = fmt::format("`keep=true` in `{}` keeps what it reduces as an axis of 1",
                                     dsl::to_string(*side));
    report(f_.m, error);
    return false;
}

/// Comparisons and `not`, `and`, `or` give 0 or 1 already; any other number is compared with 0.
Evaluated Evaluator::truth(const Expression& expression) {
    Evaluated x = tensor(expression);
    if (x.failed) return x;
    if (x.number) return number_value(*x.number != 0 ? 1 : 0);
    static const std::set<std::string> kTruths = {
        "<", ">", "<=", ">=", "==", "!=", "and", "or", "not"};
    const bool already = (expression.kind == Expression::Kind::kBinary ||
                          expression.kind == Expression::Kind::kUnary) &&
                         kTruths.count(expression.text) != 0;
    return already ? x : comparison("!=", x, f_.b.constant(0, f_.b.shape(x.value)));
}

/// Exponents 2 and 0.5, which nearly all are, become ops that are cheap and have simple
/// derivatives. A constant above 0 to the power of what is computed, 2^x, is exp(x log 2).
Evaluated Evaluator::power(const Expression& e, Evaluated a, Evaluated exponent) {
    if (!exponent.number && a.number && *a.number > 0) {
        exponent.value = f_.b.emit(ir::Exp{}, {f_.b.scale(exponent.value, std::log(*a.number))});
        return exponent;
    }
    if (!exponent.number)
        return fail(DiagnosticKind::kBadExpression, e.arguments[1]->span,
                    "an exponent must be a constant number",
                    "write exp(b * log(a)) for a power that is computed");
    if (*exponent.number == 2)
        a.value = f_.b.mul(a.value, a.value);
    else if (*exponent.number == 0.5)
        a.value = square_root(f_.b, a.value);
    else
        a.value = f_.b.emit(ir::Pow{*exponent.number}, {a.value});
    return a;
}

/// a - b floor(a / b), which has the sign of b as in Python.
Evaluated Evaluator::remainder(Evaluated a, ValueId b) {
    const ValueId whole = f_.b.emit(ir::Floor{}, {f_.b.div(a.value, b)});
    a.value = f_.b.sub(a.value, f_.b.mul(b, whole));
    return a;
}

/// <= and >= are the negation of the opposite strict comparison; != is that of ==.
Evaluated Evaluator::comparison(const std::string& op, Evaluated a, ValueId b) {
    const bool equality = op[0] == '=' || op[0] == '!';
    const bool less = op[0] == '<', negate = equality ? op[0] == '!' : op.size() == 2;
    a.value = equality         ? f_.b.emit(ir::Equal{}, {a.value, b})
              : less != negate ? f_.b.emit(ir::Greater{}, {b, a.value})
                               : f_.b.emit(ir::Greater{}, {a.value, b});
    if (negate) a.value = f_.b.sub(f_.b.constant(1, f_.b.shape(a.value)), a.value);
    return a;
}

/// Two constants give a constant, without an op, so that the ranges of hyperparameters can be
/// checked. Nothing is divided by a constant that is 0 in f32.
Evaluated Evaluator::binary(const Expression& e) {
    const bool logical = e.text == "and" || e.text == "or";
    Evaluated a = logical ? truth(*e.arguments[0]) : evaluate(*e.arguments[0]);
    Evaluated b = logical ? truth(*e.arguments[1]) : evaluate(*e.arguments[1]);
    if (a.failed || b.failed) return failed();
    if (a.weights || b.weights) return each_weight(e, {a, b});
    a = as_tensor(std::move(a), *e.arguments[0]);
    b = as_tensor(std::move(b), *e.arguments[1]);
    if (a.failed || b.failed) return failed();
    if (a.number && b.number) return number_value(*dsl::binary_value(e.text, *a.number, *b.number));
    const bool divides = e.text == "/" || e.text == "%";
    if (divides && b.number && static_cast<float>(*b.number) == 0)
        return fail(
            DiagnosticKind::kBadValue, e.arguments[1]->span,
            fmt::format("`{}` divides by {}", dsl::to_string(e),
                        *b.number == 0 ? "0" : fmt::format("{}, which is 0 in f32", *b.number)));
    if (e.text == "^") return power(e, a, b);
    if (!match(e, a, b)) return failed();
    const char op = e.text[0];
    if (e.text == "or")
        a.value = f_.b.emit(ir::Maximum{}, {a.value, b.value});
    else if (op == '*' || e.text == "and")
        a.value = f_.b.mul(a.value, b.value);
    else if (op == '+')
        a.value = f_.b.add(a.value, b.value);
    else if (op == '-')
        a.value = f_.b.sub(a.value, b.value);
    else if (op == '/')
        a.value = f_.b.div(a.value, b.value);
    else
        a = op == '%' ? remainder(a, b.value) : comparison(e.text, a, b.value);
    return a;
}

}  // namespace gmc::lower
