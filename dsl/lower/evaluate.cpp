// Evaluates names, arithmetic and applications of networks.
#include "dsl/lower/evaluate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "compiler/support/check.h"
#include "compiler/support/edit_distance.h"
#include "compiler/support/numbers.h"
#include "compiler/support/wording.h"
#include "dsl/lower/broadcasting.h"
#include "dsl/lower/calls/call_functions.h"
#include "dsl/lower/shape_errors.h"
#include "dsl/lower/tensors.h"

namespace gmc::lower {

using dsl::Expression;
using ir::kNone;
using ir::Shape;
using ir::ValueId;

namespace {

int64_t example_elements(const Shape& shape) { return elements_of(example_of(shape)); }

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

/// Ops that are made meanwhile carry the place of the expression in the model, for errors and
/// profiles. While `tensor_over` runs, an expression with the text of a known part is that part: in
/// `grad(f(x), x)` the x inside f is the very value that is differentiated by.
Evaluated Evaluator::evaluate(const Expression& e) {
    if (!known_.empty() && e.kind != Expression::Kind::kNumber) {
        const std::string text = dsl::to_string(e);
        for (auto known = known_.rbegin(); known != known_.rend(); ++known)
            if (known->text == text && known->averaged == f_.averaged) return known->value;
    }
    const ir::Location outside = f_.b.location();
    const size_t known = f_.over_batch.size(), operations = f_.function.operations.size();
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
        result = folded(call(e), operations);
    else if (e.kind == Kind::kUnary)
        result = unary(e);
    else if (e.kind == Kind::kLoop)
        result = evaluate_loop(*this, e);
    else if (e.kind == Kind::kList)
        result = list(e);
    else
        result = binary(e);
    f_.b.set_location(outside);
    const bool computed = e.kind != Kind::kName && e.kind != Kind::kMember;
    if (computed && result.number && !fits_f32(*result.number))
        return fail(
            DiagnosticKind::kBadValue, e.span,
            fmt::format("`{}` {}", dsl::to_string(e),
                        std::isnan(*result.number) ? std::string("is not a number")
                        : e.kind == Kind::kNumber
                            ? std::string("does not fit in f32")
                            : fmt::format("is {}, which does not fit in f32", *result.number)));
    for (size_t i = known; i < f_.over_batch.size(); ++i)
        if (FunctionScope::OverBatch& made = f_.over_batch[i]; !made.span.known()) {
            made.text = dsl::to_string(e);
            made.span = e.span;
        }
    return result;
}

/// Everything that is no tensor at this point is a network with several outputs. In a recipe its
/// author cannot name one of them, so the error stands at the network of the model.
Evaluated Evaluator::as_tensor(Evaluated e, const Expression& expression) {
    if (e.failed || e.is_tensor()) return e;
    if (e.weights)
        return fail(DiagnosticKind::kWrongType, expression.span,
                    fmt::format("`{}` is several tensors, the weights of a network, and no number "
                                "here",
                                dsl::to_string(expression)),
                    "`sum`, `mean` and `norm` of them are numbers");
    if (e.parts) {
        std::string names;
        for (const auto& [known, value] : *e.parts)
            names += (names.empty() ? "`." : ", `.") + known + "`";
        return fail(DiagnosticKind::kWrongType, expression.span,
                    "a loop with several values is no number here",
                    fmt::format("name one of its values: {}", names));
    }
    if (e.network != nullptr)
        return fail(DiagnosticKind::kWrongType, expression.span,
                    fmt::format("the network `{}` is no number here: it has to be called",
                                e.network->name));
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
    const bool in_recipe = expression.span.file == f_.m.spec.objective.recipe.file;
    if (!in_recipe && expression.kind == Expression::Kind::kName) {
        error.help = "name one of its outputs:";
        for (const auto& [head, value] : e.outputs)
            error.help += fmt::format(" `{}.{}`", expression.text, head);
    }
    const dsl::NetworkSpec* network = in_recipe ? f_.m.view.network(call.text) : nullptr;
    if (network) {
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

namespace {

/// Whether a part of `e` reduces axes by their numbers, as other frameworks count them.
bool numbers_axes(const ModuleScope& m, const Expression& e) {
    bool found = false;
    m.view.walk(e, [&](const Expression& part) {
        const Expression* axis =
            part.kind == Expression::Kind::kCall && (part.text == "sum" || part.text == "mean")
                ? named_argument(part, "axis")
                : nullptr;
        found |= axis != nullptr && axis->kind != Expression::Kind::kName;
    });
    return found;
}

/// Whether sides of different shapes were warned of in `e` (Evaluator::warn_of_repeats).
bool repeats_within(const ModuleScope& m, const Expression& e) {
    bool found = false;
    m.view.walk(e, [&](const Expression& part) {
        for (const Diagnostic& warning : m.diagnostics.warnings())
            found |= warning.kind == DiagnosticKind::kShapeMismatch && warning.span == part.span &&
                     warning.helps.front().find("one_hot") == std::string::npos;
    });
    return found;
}

/// The terms of a sum, through names of `let`.
void collect_terms(const ModuleScope& m, const Expression& e, std::vector<const Expression*>& out) {
    const Expression& value = m.view.resolved(e);
    const bool sum =
        value.kind == Expression::Kind::kUnary ||
        (value.kind == Expression::Kind::kBinary && (value.text == "+" || value.text == "-"));
    if (!sum) return out.push_back(&e);
    for (const auto& term : value.arguments) collect_terms(m, *term, out);
}

}  // namespace

/// Of a sum in which some terms are one number and others are not: the first of the others.
std::optional<Note> Evaluator::odd_term(const Expression& sum) {
    std::vector<const Expression*> terms;
    collect_terms(f_.m, sum, terms);
    std::optional<Note> out;
    bool any_scalar = false;
    for (const Expression* term : terms) {
        const Evaluated value = tensor(*term);
        if (value.failed) return std::nullopt;
        if (value.number) continue;
        const bool scalar = !value.batched && f_.b.shape(value.value).empty();
        any_scalar |= scalar;
        if (scalar || out) continue;
        const dsl::NamedExpression* entry =
            term->kind == Expression::Kind::kName ? f_.m.view.let(term->text) : nullptr;
        out = Note{entry ? entry->span : term->span,
                   fmt::format("`{}` is {}", dsl::to_string(*term), describe(*this, value))};
    }
    return any_scalar ? out : std::nullopt;
}

/// The help tells the two ways to one number: over the batch only, or over each example first.
ValueId Evaluator::scalar(const Expression& expression, const std::string& what) {
    const Evaluated e = tensor(expression);
    if (e.failed) return kNone;
    if (e.number) return f_.b.constant(*e.number);
    if (!e.batched && f_.b.shape(e.value).empty()) return e.value;
    ShapeError error = too_many(f_.m, expression, example_of(f_.b.shape(e.value)));
    error.kind = DiagnosticKind::kLossNotScalar;
    error.where = expression.span;
    error.text = fmt::format("{} must be one number, but this is {}", what, describe(*this, e));
    if (expression.span.file != f_.m.spec.objective.recipe.file) error.note = odd_term(expression);
    if (expression.span.file != f_.m.spec.objective.recipe.file)
        error.help = example_elements(f_.b.shape(e.value)) == 1
                         ? "`mean(...)` over it averages over the batch"
                         : "`mean(sum(...))` sums each example and averages over the batch";
    // The mean of a mean would hide that each number was compared with one of the data.
    if (repeats_within(f_.m, expression))
        error.help =
            "a network that ends in one number per example has a `flatten` before its last "
            "`dense`; `mean(...)` then averages over the batch";
    if (numbers_axes(f_.m, expression))
        error.help =
            "`axis` numbers the axes of an example, without the batch; `mean(sum(x))`, without "
            "`axis`, sums each example and averages over the batch";
    report(f_.m, error);
    return kNone;
}

bool Evaluator::has_averages(const std::set<std::string>& networks) const {
    return std::any_of(networks.begin(), networks.end(), [&](const std::string& network) {
        return f_.m.averaged_networks.count(network) != 0;
    });
}

/// `averaged(generator(z))`: a switch in the function's scope, which every read of a parameter
/// below sees.
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
    for (const auto& state : f_.m.spec.objective.states) names.push_back(state.name);
    for (const auto& field : f_.m.spec.data) names.push_back(field.name);
    for (const auto& network : f_.m.spec.networks) names.push_back(network.name);
    for (const auto& [known, function] : call_functions()) names.push_back(known);
    return names;
}

const dsl::NetworkSpec* Evaluator::network_named(const std::string& name) const {
    if (frame_ != nullptr)
        if (const auto argument = frame_->find(name); argument != frame_->end())
            return argument->second.network;
    return f_.m.view.network(name);
}

Evaluated Evaluator::from_outside(const Expression& e) {
    const bool averaged_outside = outer_->f_.averaged;
    outer_->f_.averaged = f_.averaged;
    Evaluated value = outer_->evaluate(e);
    outer_->f_.averaged = averaged_outside;
    if (value.value != kNone) value.value = f_.capture(value.value);
    for (auto& [head, output] : value.outputs) output = f_.capture(output);
    if (value.weights) {
        Weights weights = *value.weights;
        for (auto& [state, weight] : weights) weight = f_.capture(weight);
        value.weights = std::make_shared<const Weights>(std::move(weights));
    }
    if (value.parts) {
        std::map<std::string, Evaluated> parts = *value.parts;
        for (auto& [part, one] : parts) one.value = f_.capture(one.value);
        value.parts = std::make_shared<const std::map<std::string, Evaluated>>(std::move(parts));
    }
    return value;
}

/// In this order, so that parameters of a function hide `let`, and `let` hides fields. Inputs of
/// the function are made on first use: a function has those that its results need.
Evaluated Evaluator::name(const Expression& e) {
    if (frame_ != nullptr)
        if (const auto argument = frame_->find(e.text); argument != frame_->end())
            return argument->second;
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
    for (const dsl::StateSpec& state : f_.m.spec.objective.states)
        if (state.name == e.text) return state_value(f_, state);
    for (const dsl::NetworkSpec& network : f_.m.spec.networks) {
        if (network.name != e.text) continue;
        if (network.is_parameter) return parameter_value(f_, network);
        std::string inputs;
        for (const dsl::NetworkInput& input : network.inputs)
            inputs += (inputs.empty() ? "" : ", ") + input.name;
        return fail(
            DiagnosticKind::kWrongType, e.span,
            fmt::format("`{}` is a network and no value", e.text),
            fmt::format("it is applied to its inputs: `{0}({1})`; its weights are `{0}.weights`",
                        e.text, inputs));
    }
    const std::string near = nearest_name(e.text, known_names());
    return fail(DiagnosticKind::kUnknownName, e.span, fmt::format("nothing is called `{}`", e.text),
                near.empty() ? "" : fmt::format("did you mean `{}`?", near));
}

/// An entry is evaluated once per function and shared. Inside `averaged` an entry that depends on
/// averages is another value than outside; one that does not (noise, data) has to be the same
/// value, so that `averaged(g(z))` and `g(z)` see the same z.
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
    const auto* frame = std::exchange(frame_, nullptr);
    Evaluated value = evaluate(*entry.value);
    frame_ = frame;
    let_open_.erase(entry.name);
    (f_.averaged && has_averages(value.networks) ? averaged_let_ : let_)[entry.name] = value;
    return value;
}

/// `data.image` is the same as the name `image`; `q.mean` is an output of the network that q stands
/// for.
Evaluated Evaluator::member(const Expression& e) {
    const Expression& owner = *e.arguments[0];
    if (owner.kind == Expression::Kind::kName && owner.text == "data") {
        Expression field = owner;
        field.text = e.text;
        field.span = e.span;
        return name(field);
    }
    if (const auto weights = weights_named(e)) return *weights;
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
                                    e.text),
                        "results of networks with `outputs` have parts; functions stand before "
                        "their arguments, as in `mean(x)`");
        return fail(DiagnosticKind::kUnknownName, e.span,
                    fmt::format("there is no output `{}`", e.text),
                    fmt::format("{} {}", by_count(names.size(), "the output is", "outputs are"),
                                fmt::join(names, ", ")));
    }
    Evaluated result;
    result.value = head->second;
    result.batched = true;
    result.networks = whole.networks;
    return result;
}

/// `[0.5, x, 2]`: numbers as a plain tensor. Where sizes or axes are meant, functions read the list
/// themselves.
Evaluated Evaluator::list(const Expression& e) {
    Evaluated result;
    std::vector<ValueId> elements;
    for (const dsl::ExpressionPtr& element : e.arguments) {
        const Evaluated x = tensor(*element);
        if (x.failed) return x;
        if (!x.number && (x.batched || !f_.b.shape(x.value).empty()))
            return fail(DiagnosticKind::kWrongType, element->span,
                        fmt::format("a list holds numbers, but this is {}", describe(*this, x)),
                        "`concat` joins tensors");
        elements.push_back(f_.b.reshape(materialize(x, {}), {1}));
        result.networks.insert(x.networks.begin(), x.networks.end());
    }
    if (elements.empty())
        return fail(DiagnosticKind::kWrongType, e.span, "the list is empty, and no value");
    result.value =
        elements.size() == 1 ? elements[0] : f_.b.emit(ir::Concat{0}, std::move(elements));
    return result;
}

Evaluated Evaluator::call(const Expression& e) {
    if (const dsl::NetworkSpec* network = network_named(e.text)) return apply(*network, e);
    if (const dsl::Definition* own = f_.m.view.definition(e.text)) return define(*own, e);
    const auto function = call_functions().find(e.text);
    if (function != call_functions().end())
        return is_for_weights(e) ? call_for_weights(e, function->second)
                                 : function->second(*this, e);
    if (dsl::find_layer_function(e.text) != nullptr) return call_layer(*this, e);
    const std::string near = nearest_name(e.text, known_names());
    return fail(DiagnosticKind::kUnknownName, e.span,
                fmt::format("no function or network is called `{}`", e.text),
                near.empty() ? "" : fmt::format("did you mean `{}`?", near));
}

/// Arguments are evaluated once, before the body: one that draws random numbers is drawn once, even
/// when the body uses it twice.
Evaluated Evaluator::define(const dsl::Definition& definition, const Expression& call) {
    std::map<std::string, Evaluated> arguments;
    for (size_t i = 0; i < definition.parameters.size(); ++i) {
        const Expression& expression = *call.arguments[i];
        Evaluated& argument = arguments[definition.parameters[i]];
        if (expression.kind == Expression::Kind::kName && !is_of_loop(expression.text))
            argument.network = network_named(expression.text);
        if (argument.network != nullptr && !argument.network->is_parameter) continue;
        argument = evaluate(expression);
        if (argument.failed) return argument;
    }
    const size_t errors = f_.m.diagnostics.count();
    const auto* frame = std::exchange(frame_, &arguments);
    // A text such as `x` means something else in the body than where the definition is called.
    std::vector<Known> known = std::exchange(known_, {});
    Evaluated result = evaluate(*definition.body);
    known_ = std::move(known);
    frame_ = frame;
    f_.m.diagnostics.lies_inside(errors, fmt::format("in `{}`", definition.name), "called here",
                                 call.span);
    return result;
}

/// Checks an argument of a network and adds it to `arguments`.
bool Evaluator::take_argument(const dsl::NetworkSpec& network, const dsl::NetworkInput& input,
                              const Expression& expression, const Evaluated& argument,
                              std::vector<ValueId>& arguments) {
    Shape wanted;
    if (!input_shape(f_.m, input, wanted)) return false;
    wanted = batched(f_.m.batch, wanted);
    ValueId value = materialize(argument, wanted);
    // One computed number, such as the index of a loop, goes where a constant goes.
    if (!argument.number && !argument.batched && f_.b.shape(value).empty()) {
        arguments.push_back(f_.b.splat(value, wanted));
        return true;
    }
    // An input of one number per example takes both [N] and [N, 1].
    if (argument.batched && example_elements(f_.b.shape(value)) == 1 &&
        example_elements(wanted) == 1)
        value = f_.b.reshape(value, wanted);
    // A value without a batch is the same for every example. It may have the shape of a batch by
    // chance, but is none.
    const bool plain = !argument.batched && !argument.number;
    const bool meets =
        plain && common_shape(f_.b.shape(value), example_of(wanted)) == example_of(wanted);
    if (meets) value = spread(f_.b, value, false, wanted, true);
    if (f_.b.shape(value) == wanted && plain == meets) {
        arguments.push_back(value);
        return true;
    }
    ShapeError error = misfit(f_.m, network, input, example_of(wanted), expression,
                              argument.batched ? example_of(f_.b.shape(value)) : f_.b.shape(value));
    error.where = expression.span;
    error.text =
        fmt::format("`{}` takes `{}` of shape {}, but this is {}{}", network.name, input.name,
                    ir::to_string(example_of(wanted)), describe(*this, argument),
                    plain ? ", the same for every example" : "");
    if (plain && f_.b.shape(value).size() == wanted.size())
        error.help = fmt::format(
            "a loop applies a network to one row after another: `{{start: 0, "
            "over: {{row: ...}}, next: {}(row), collect: true}}`; to a value "
            "of each example it is applied first: `examples({}(x))`",
            network.name, network.name);
    report(f_.m, error);
    return false;
}

/// 1. Arguments are brought to the shapes of the inputs: constants are repeated, [N] and [N, 1] are
///    exchanged; anything else has to fit.
/// 2. The same network with the same arguments is applied only once: `critic(x)` in a loss and in a
///    metric is one computation, with one draw of dropout.
/// 3. Otherwise the layers are built.
Evaluated Evaluator::apply(const dsl::NetworkSpec& network, const Expression& call) {
    const Expression* others = named_argument(call, dsl::kWeightsWord);
    const size_t given = call.arguments.size() - (others == nullptr ? 0 : 1);
    if (network.is_parameter || given != network.inputs.size())
        return fail(DiagnosticKind::kShapeMismatch, call.span,
                    fmt::format("`{}` has {} inputs, but {} are given", network.name,
                                network.inputs.size(), given));
    Evaluated result;
    result.batched = true;
    result.networks = f_.m.view.networks_within(network.name);
    std::vector<ValueId> arguments;
    for (const dsl::ExpressionPtr& expression : call.arguments) {
        if (expression.get() == others) continue;
        const Evaluated argument = tensor(*expression);
        if (argument.failed) return argument;
        if (!take_argument(network, network.inputs[arguments.size()], *expression, argument,
                           arguments))
            return failed();
        result.networks.insert(argument.networks.begin(), argument.networks.end());
    }
    std::shared_ptr<const Weights> weights;
    if (others != nullptr) {
        const Evaluated value = weights_for(network, *others);
        if (value.failed) return value;
        weights = value.weights;
        result.networks.insert(value.networks.begin(), value.networks.end());
    }
    const bool averaged =
        !weights && f_.averaged && has_averages(f_.m.view.networks_within(network.name));
    for (const Application& known : applications_)
        if (known.network == network.name && known.arguments == arguments &&
            known.averaged == averaged &&
            (known.weights == weights || (known.weights && weights && *known.weights == *weights)))
            return known.result;
    const auto states = f_.current_states();
    const bool averaged_outside = std::exchange(f_.averaged, averaged);
    if (weights)
        for (const auto& [state, value] : *weights) f_.set_state(state, value);
    const size_t sums = f_.over_batch.size();
    const bool fine = apply_network(f_, network, arguments, result.outputs, nullptr);
    for (size_t i = sums; i < f_.over_batch.size(); ++i) {
        f_.over_batch[i].text = "";
        f_.over_batch[i].span = network.span;
    }
    f_.averaged = averaged_outside;
    // Running statistics belong to the trained network, so applying it with averaged or other
    // weights must not move them.
    if (averaged || weights) f_.restore_states(states);
    if (!fine) return failed();
    if (network.outputs.empty()) result.value = result.outputs.at("");
    applications_.push_back({network.name, arguments, averaged, weights, result});
    f_.applied.push_back({network.name, arguments, result.outputs});
    for (FunctionScope* outer = f_.outer(); outer != nullptr; outer = outer->outer())
        outer->applied.push_back({network.name, {}, {}});
    return result;
}

/// Called between the entries of an alternating schedule: what was computed with the old weights
/// must not be shared with losses behind the update.
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
