// Evaluates names, arithmetic and applications of networks.
#include "dsl/lower/evaluate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "compiler/support/check.h"
#include "compiler/support/edit_distance.h"
#include "dsl/lower/calls/call_functions.h"
#include "dsl/lower/shape_errors.h"

namespace gmc::lower {

using dsl::Expression;
using ir::kNone;
using ir::Shape;
using ir::ValueId;

namespace {

int64_t example_elements(const Shape& shape) {
    int64_t n = 1;
    for (size_t i = 1; i < shape.size(); ++i) n *= shape[i];
    return n;
}

Evaluated number_value(double value) {
    Evaluated e;
    e.number = value;
    return e;
}

Evaluated failed() {
    Evaluated e;
    e.failed = true;
    return e;
}

}  // namespace

std::string describe(Evaluator& e, const Evaluated& x) {
    if (x.number) return fmt::format("the number {}", *x.number);
    const Shape& shape = e.b().shape(x.value);
    if (!x.batched) return shape.empty() ? "one number" : ir::to_string(shape);
    return example_elements(shape) == 1 ? "one number per example"
                                        : ir::to_string(example_of(shape)) + " per example";
}

Evaluated Evaluator::fail(DiagnosticKind kind, Span span, std::string text, std::string help) {
    if (!f_.m.reported_once(span, text)) return failed();
    Diagnostic& d = f_.m.diagnostics.error(kind, span, "{}", text);
    if (!help.empty()) d.help(std::move(help));
    return failed();
}

ValueId Evaluator::materialize(const Evaluated& e, const Shape& shape) {
    return e.number ? f_.b.constant(*e.number, shape) : e.value;
}

Evaluated Evaluator::tensor_over(const Expression& expression, const Expression& part,
                                 const Evaluated& value) {
    known_.push_back({dsl::to_string(part), f_.averaged, value});
    Evaluated result = tensor(expression);
    known_.pop_back();
    return result;
}

Evaluated Evaluator::evaluate(const Expression& e) {
    if (!known_.empty() && e.kind != Expression::Kind::kNumber) {
        const std::string text = dsl::to_string(e);
        for (const Known& known : known_)
            if (known.text == text && known.averaged == f_.averaged) return known.value;
    }
    const ir::Location outside = f_.b.location();
    f_.b.set_location(f_.m.locate(e.span));
    Evaluated result;
    using Kind = Expression::Kind;
    if (e.kind == Kind::kNumber)
        result = number_value(e.number);
    else if (e.kind == Kind::kName)
        result = name(e);
    else if (e.kind == Kind::kMember)
        result = member(e);
    else if (e.kind == Kind::kCall)
        result = call(e);
    else if (e.kind == Kind::kUnary)
        result = unary(e);
    else if (e.kind == Kind::kLoop)
        result = evaluate_loop(*this, e);
    else
        result = binary(e);
    f_.b.set_location(outside);
    return result;
}

Evaluated Evaluator::tensor(const Expression& expression) {
    Evaluated e = evaluate(expression);
    if (e.failed || e.is_tensor()) return e;
    if (e.parts) {
        std::string names;
        for (const auto& [known, value] : *e.parts)
            names += (names.empty() ? "`." : ", `.") + known + "`";
        return fail(DiagnosticKind::kWrongType, expression.span,
                    "a loop with several values is no number here",
                    fmt::format("name one of its values: {}", names));
    }
    std::string heads;
    for (const auto& [head, value] : e.outputs)
        heads += (heads.empty() ? "`." : ", `.") + head + "`";
    ShapeError error{DiagnosticKind::kWrongType,
                     expression.span,
                     "a network with several outputs is no number here",
                     {},
                     "",
                     fmt::format("name one of its outputs: {}", heads),
                     {}};
    const Expression& call = f_.m.view.resolved(expression);
    if (const dsl::NetworkSpec* network = f_.m.view.network(call.text)) {
        error.at_model = network->outputs.front().span;
        error.text_at_model = fmt::format(
            "`{}` has the outputs {}, but the recipe `{}` takes one result without a "
            "name",
            network->name, heads, f_.m.spec.objective.recipe.name);
        error.help = "end `layers` in what the outputs hold, without `outputs`";
    }
    report(f_.m, error);
    return failed();
}

ValueId Evaluator::scalar(const Expression& expression, const std::string& what) {
    const Evaluated e = tensor(expression);
    if (e.failed) return kNone;
    if (e.number) return f_.b.constant(*e.number);
    if (!e.batched && f_.b.shape(e.value).empty()) return e.value;
    ShapeError error = too_many(f_.m, expression, example_of(f_.b.shape(e.value)));
    error.kind = DiagnosticKind::kLossNotScalar;
    error.where = expression.span;
    error.text = fmt::format("{} must be one number, but this is {}", what, describe(*this, e));
    if (expression.span.file != f_.m.spec.objective.recipe.file)
        error.help = example_elements(f_.b.shape(e.value)) == 1
                         ? "`mean(...)` over it averages over the batch"
                         : "`mean(sum(...))` sums each example and averages over the batch";
    report(f_.m, error);
    return kNone;
}

Evaluated Evaluator::bounded_scalar(const Expression& expression, const std::string& what,
                                    const dsl::Range& range) {
    Evaluated e = tensor(expression);
    if (e.failed) return e;
    if (!e.number) {
        const bool fits = !e.batched && f_.b.shape(e.value).empty();
        if (!fits) e.value = scalar(expression, what);  // for its error
        e.failed = e.value == kNone;
        return e;
    }
    if (range.low != range.high && !range.holds(*e.number))
        return fail(DiagnosticKind::kBadValue, expression.span,
                    fmt::format("{} is {}, it has to be {}", what, *e.number, describe(range)));
    e.value = f_.b.constant(*e.number);
    return e;
}

bool Evaluator::has_averages(const std::set<std::string>& networks) const {
    return std::any_of(networks.begin(), networks.end(), [&](const std::string& network) {
        return f_.m.averaged_networks.count(network) != 0;
    });
}

Evaluated Evaluator::averaged(const Expression& call) {
    const bool outside = f_.averaged;
    f_.averaged = true;
    Evaluated result = evaluate(*call.arguments[0]);
    f_.averaged = outside;
    if (result.failed || has_averages(result.networks)) return result;
    const std::string networks = fmt::format("{}", fmt::join(result.networks, "`, `"));
    if (networks.empty())
        return fail(
            DiagnosticKind::kBadExpression, call.arguments[0]->span,
            "`averaged` takes an expression that depends on a network, which this does not");
    return fail(DiagnosticKind::kBadExpression, call.arguments[0]->span,
                fmt::format("the weights of `{}` have no moving average", networks),
                "set `average: 0.999` in `train`, or in the entry of `minimize` that trains them");
}

std::vector<std::string> Evaluator::known_names() const {
    std::vector<std::string> names{"step", "epoch", "pi"};
    for (const auto& [known, value] : bound_) names.push_back(known);
    for (const auto& entry : f_.m.spec.objective.let) names.push_back(entry.name);
    for (const auto& field : f_.m.spec.data) names.push_back(field.name);
    for (const auto& network : f_.m.spec.networks) names.push_back(network.name);
    for (const auto& [known, function] : call_functions()) names.push_back(known);
    return names;
}

Evaluated Evaluator::from_outside(const Expression& e) {
    const bool averaged_outside = outer_->f_.averaged;
    outer_->f_.averaged = f_.averaged;
    Evaluated value = outer_->evaluate(e);
    outer_->f_.averaged = averaged_outside;
    if (value.value != kNone) value.value = f_.capture(value.value);
    for (auto& [head, output] : value.outputs) output = f_.capture(output);
    if (value.parts) {
        std::map<std::string, Evaluated> parts = *value.parts;
        for (auto& [part, one] : parts) one.value = f_.capture(one.value);
        value.parts = std::make_shared<const std::map<std::string, Evaluated>>(std::move(parts));
    }
    return value;
}

Evaluated Evaluator::name(const Expression& e) {
    const auto bound = bound_.find(e.text);
    if (bound != bound_.end()) return bound->second;
    if (outer_ && e.text != "step" && e.text != "epoch") return from_outside(e);
    for (const dsl::NamedExpression& entry : f_.m.spec.objective.let)
        if (entry.name == e.text) return let(entry);
    for (const dsl::DataField& field : f_.m.spec.data) {
        if (field.name != e.text) continue;
        Evaluated result;
        result.value = f_.input(field.name, ir::InputSource::data(field.name),
                                batched(f_.m.batch, field.shape));
        result.batched = true;
        f_.fields[result.value] = &field;
        return result;
    }
    if (e.text == "pi") return number_value(std::numbers::pi);
    Evaluated result;
    if (e.text == "step" || e.text == "epoch") {
        result.value = e.text == "step" ? f_.b.emit(ir::Step{}, {}) : f_.b.emit(ir::Epoch{}, {});
        return result;
    }
    const std::string near = nearest_name(e.text, known_names());
    return fail(DiagnosticKind::kUnknownName, e.span, fmt::format("nothing is called `{}`", e.text),
                near.empty() ? "" : fmt::format("did you mean `{}`?", near));
}

Evaluated Evaluator::let(const dsl::NamedExpression& entry) {
    if (f_.averaged)
        if (const auto known = averaged_let_.find(entry.name); known != averaged_let_.end())
            return known->second;
    const auto known = let_.find(entry.name);
    if (known != let_.end() && !(f_.averaged && has_averages(known->second.networks)))
        return known->second;
    if (!let_open_.insert(entry.name).second)
        return fail(DiagnosticKind::kCycle, entry.span,
                    fmt::format("`{}` is defined by itself", entry.name));
    Evaluated value = evaluate(*entry.value);
    let_open_.erase(entry.name);
    (f_.averaged && has_averages(value.networks) ? averaged_let_ : let_)[entry.name] = value;
    return value;
}

Evaluated Evaluator::member(const Expression& e) {
    const Expression& owner = *e.arguments[0];
    if (owner.kind == Expression::Kind::kName && owner.text == "data") {
        Expression field = owner;
        field.text = e.text;
        field.span = e.span;
        return name(field);
    }
    const Evaluated whole = evaluate(owner);
    if (whole.failed) return whole;
    if (whole.parts) {
        const auto part = whole.parts->find(e.text);
        if (part != whole.parts->end()) return part->second;
    }
    const auto head = whole.outputs.find(e.text);
    if (head == whole.outputs.end()) {
        std::vector<std::string> names;
        for (const auto& [known, value] : whole.outputs)
            if (!known.empty()) names.push_back(known);
        if (names.empty())
            return fail(DiagnosticKind::kUnknownName, e.span,
                        fmt::format("`{}` has no named outputs, so no `.{}`", dsl::to_string(owner),
                                    e.text));
        return fail(DiagnosticKind::kUnknownName, e.span,
                    fmt::format("there is no output `{}`", e.text),
                    fmt::format("outputs are {}", fmt::join(names, ", ")));
    }
    Evaluated result;
    result.value = head->second;
    result.batched = true;
    result.networks = whole.networks;
    return result;
}

Evaluated Evaluator::call(const Expression& e) {
    for (const dsl::NetworkSpec& network : f_.m.spec.networks)
        if (network.name == e.text) return apply(network, e);
    const auto function = call_functions().find(e.text);
    if (function != call_functions().end()) return function->second(*this, e);
    const std::string near = nearest_name(e.text, known_names());
    return fail(DiagnosticKind::kUnknownName, e.span,
                fmt::format("no function or network is called `{}`", e.text),
                near.empty() ? "" : fmt::format("did you mean `{}`?", near));
}

Evaluated Evaluator::apply(const dsl::NetworkSpec& network, const Expression& call) {
    if (call.arguments.size() != network.inputs.size())
        return fail(DiagnosticKind::kShapeMismatch, call.span,
                    fmt::format("`{}` has {} inputs, but {} are given", network.name,
                                network.inputs.size(), call.arguments.size()));
    Evaluated result;
    result.batched = true;
    result.networks.insert(network.name);
    std::vector<ValueId> arguments;
    for (size_t i = 0; i < network.inputs.size(); ++i) {
        Evaluated argument = tensor(*call.arguments[i]);
        if (argument.failed) return argument;
        Shape wanted;
        if (!input_shape(f_.m, network.inputs[i], wanted)) return failed();
        wanted = batched(f_.m.batch, wanted);
        ValueId value = materialize(argument, wanted);
        // One computed number, such as the index of a loop, goes where a constant goes.
        if (!argument.number && !argument.batched && f_.b.shape(value).empty()) {
            value = f_.b.splat(value, wanted);
            argument.batched = true;
        }
        // An input of one number per example takes both [N] and [N, 1].
        if (argument.batched && example_elements(f_.b.shape(value)) == 1 &&
            example_elements(wanted) == 1)
            value = f_.b.reshape(value, wanted);
        if (f_.b.shape(value) != wanted || (!argument.batched && !argument.number)) {
            ShapeError error =
                misfit(f_.m, network, network.inputs[i], example_of(wanted), *call.arguments[i],
                       argument.batched ? example_of(f_.b.shape(value)) : f_.b.shape(value));
            error.where = call.arguments[i]->span;
            error.text = fmt::format("`{}` takes `{}` of shape {}, but this is {}", network.name,
                                     network.inputs[i].name, ir::to_string(example_of(wanted)),
                                     describe(*this, argument));
            report(f_.m, error);
            return failed();
        }
        arguments.push_back(value);
        result.networks.insert(argument.networks.begin(), argument.networks.end());
    }
    const bool averaged = f_.averaged && f_.m.averaged_networks.count(network.name) != 0;
    for (const Application& known : applications_)
        if (known.network == network.name && known.arguments == arguments &&
            known.averaged == averaged)
            return known.result;
    const auto states = f_.current_states();
    if (!apply_network(f_, network, arguments, result.outputs, nullptr)) return failed();
    // Running statistics belong to the trained network, so applying it with averaged weights must
    // not move them.
    if (averaged) f_.restore_states(states);
    if (network.outputs.empty()) result.value = result.outputs.at("");
    applications_.push_back({network.name, arguments, averaged, result});
    return result;
}

Evaluated Evaluator::unary(const Expression& e) {
    Evaluated x = tensor(*e.arguments[0]);
    if (x.failed || e.text == "+") return x;
    if (x.number) return number_value(-*x.number);
    x.value = f_.b.neg(x.value);
    return x;
}

bool Evaluator::match(const Expression& where, Evaluated& a, Evaluated& b) {
    const auto finish = [&](Evaluated& small, const Evaluated& large) {
        if (small.number) {
            small.value = f_.b.constant(*small.number, f_.b.shape(large.value));
            small.number.reset();
        } else {
            const Shape& from = f_.b.shape(small.value);
            const Shape to = f_.b.shape(large.value);
            if (from == to) return small.batched == large.batched;
            if (!small.batched && from.empty())
                small.value = f_.b.splat(small.value, to);
            else if (small.batched && large.batched && example_elements(from) == 1)
                small.value = f_.b.broadcast(f_.b.reshape(small.value, {from[0]}), {0}, to);
            else
                return false;
        }
        small.batched = large.batched;
        return true;
    };
    const auto size = [&](const Evaluated& x) {
        return x.number ? std::pair<int64_t, size_t>{-1, 0}
                        : std::pair<int64_t, size_t>{f_.b.type(x.value).elements(),
                                                     f_.b.shape(x.value).size()};
    };
    const Evaluated a_before = a, b_before = b;
    const bool done = size(a) <= size(b) ? finish(a, b) : finish(b, a);
    a.networks.insert(b.networks.begin(), b.networks.end());
    if (done) return true;
    const Expression &first = *where.arguments[0], &second = *where.arguments[1];
    ShapeError error;
    if (a_before.batched && b_before.batched)
        error = clash(f_.m, first, example_of(f_.b.shape(a_before.value)), second,
                      example_of(f_.b.shape(b_before.value)));
    error.where = where.span;
    error.text =
        fmt::format("`{}` is {}, but `{}` is {}", dsl::to_string(first), describe(*this, a_before),
                    dsl::to_string(second), describe(*this, b_before));
    report(f_.m, error);
    return false;
}

Evaluated Evaluator::binary(const Expression& e) {
    Evaluated a = tensor(*e.arguments[0]), b = tensor(*e.arguments[1]);
    if (a.failed || b.failed) return failed();
    const char op = e.text[0];
    if (a.number && b.number) {
        const double x = *a.number, y = *b.number;
        if (op == '+') return number_value(x + y);
        if (op == '-') return number_value(x - y);
        if (op == '*') return number_value(x * y);
        if (op == '/') return number_value(x / y);
        if (op == '^') return number_value(std::pow(x, y));
        if (e.text == "<") return number_value(x < y);
        if (e.text == "<=") return number_value(x <= y);
        if (e.text == "==") return number_value(x == y);
        if (e.text == "!=") return number_value(x != y);
        return number_value(e.text == ">" ? x > y : x >= y);
    }
    if (op == '^') {
        if (!b.number)
            return fail(DiagnosticKind::kBadExpression, e.arguments[1]->span,
                        "an exponent must be a constant number",
                        "write exp(b * log(a)) for a power that is computed");
        if (*b.number == 2)
            a.value = f_.b.mul(a.value, a.value);
        else if (*b.number == 0.5)
            a.value = square_root(f_.b, a.value);
        else
            a.value = f_.b.emit(ir::Pow{*b.number}, {a.value});
        return a;
    }
    if (!match(e, a, b)) return failed();
    Evaluated result = a;
    if (op == '+')
        result.value = f_.b.add(a.value, b.value);
    else if (op == '-')
        result.value = f_.b.sub(a.value, b.value);
    else if (op == '*')
        result.value = f_.b.mul(a.value, b.value);
    else if (op == '/')
        result.value = f_.b.div(a.value, b.value);
    else {
        // <= and >= are the negation of the opposite strict comparison; != is that of ==.
        const bool equality = op == '=' || op == '!';
        const bool less = op == '<', negate = equality ? op == '!' : e.text.size() == 2;
        result.value = equality         ? f_.b.emit(ir::Equal{}, {a.value, b.value})
                       : less != negate ? f_.b.emit(ir::Greater{}, {b.value, a.value})
                                        : f_.b.emit(ir::Greater{}, {a.value, b.value});
        if (negate)
            result.value = f_.b.sub(f_.b.constant(1, f_.b.shape(result.value)), result.value);
    }
    return result;
}

Evaluated Evaluator::reduce(const Evaluated& x, bool over_batch, bool mean) {
    Evaluated result = x;
    ir::Builder& b = f_.b;
    if (x.number) return x;
    const Shape shape = b.shape(x.value);
    const int64_t rank = static_cast<int64_t>(shape.size());
    if (!x.batched) {
        result.value = mean ? b.reduce_mean(x.value, ir::all_axes(rank))
                            : b.reduce_sum(x.value, ir::all_axes(rank));
        return result;
    }
    if (!over_batch) {
        std::vector<int64_t> axes = ir::all_axes(rank);
        axes.erase(axes.begin());
        result.value = mean ? b.reduce_mean(x.value, axes) : b.reduce_sum(x.value, axes);
        return result;
    }
    result.batched = false;
    const ValueId each = b.reshape(x.value, {shape[0]});
    result.value = mean ? f_.batch_mean(each) : f_.batch_sum(each);
    return result;
}

void Evaluator::networks_changed(const std::vector<std::string>& networks) {
    const auto depends = [&](const Evaluated& e) {
        return std::any_of(networks.begin(), networks.end(), [&](const std::string& network) {
            return e.networks.count(network) != 0;
        });
    };
    for (auto* entries : {&let_, &averaged_let_})
        std::erase_if(*entries, [&](const auto& entry) { return depends(entry.second); });
    std::erase_if(applications_, [&](const Application& a) { return depends(a.result); });
}

}  // namespace gmc::lower
