// The weights of a network as a value: `d.weights`, arithmetic and gradients with all of them, and
// networks that are applied with others, `d(x, weights=w)`. So a step of an optimizer is an
// expression, through which gradients flow (Metz et al. 2017, Finn et al. 2017).
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "compiler/support/wording.h"
#include "dsl/lower/calls/call_functions.h"
#include "dsl/lower/evaluate.h"
#include "dsl/schema/functions.h"

namespace gmc::lower {

using dsl::Expression;
using ir::ValueId;

std::optional<Evaluated> Evaluator::weights_named(const Expression& member) {
    if (member.text != dsl::kWeightsWord) return std::nullopt;
    const Expression* owner = member.arguments[0].get();
    const Expression* layer = owner->kind == Expression::Kind::kMember ? owner : nullptr;
    if (layer != nullptr) owner = layer->arguments[0].get();
    const dsl::NetworkSpec* network =
        owner->kind == Expression::Kind::kName ? network_named(owner->text) : nullptr;
    if (network == nullptr) return std::nullopt;
    const std::string prefix = network->name + "." + (layer ? layer->text + "." : "");
    Weights weights;
    std::set<std::string> layers;
    const std::vector<ir::State>& states = f_.m.module.states;
    for (size_t i = 0; i < states.size(); ++i) {
        const std::string& name = states[i].name;
        if (states[i].role != ir::StateRole::kParameter || !name.starts_with(network->name + "."))
            continue;
        const size_t begin = network->name.size() + 1, end = name.rfind('.');
        if (end > begin) layers.insert(name.substr(begin, end - begin));
        const auto id = static_cast<ir::StateId>(i);
        if (name.starts_with(prefix)) weights[id] = f_.state(id);
    }
    Evaluated result;
    result.networks.insert(network->name);
    result.weights = std::make_shared<const Weights>(std::move(weights));
    if (!result.weights->empty()) return result;
    if (layer == nullptr)
        return fail(DiagnosticKind::kUnknownName, member.span,
                    fmt::format("`{}` has no weights", network->name));
    return fail(
        DiagnosticKind::kUnknownName, layer->span,
        fmt::format("no layer of `{}` with weights is called `{}`", network->name, layer->text),
        fmt::format("there {} {}", by_count(layers.size(), "is", "are"), fmt::join(layers, ", ")));
}

Evaluated Evaluator::weights_for(const dsl::NetworkSpec& network, const Expression& expression) {
    Evaluated value = evaluate(expression);
    if (value.failed) return value;
    if (!value.weights) value = as_tensor(std::move(value), expression);
    if (value.failed) return value;
    if (!value.weights)
        return fail(DiagnosticKind::kWrongType, expression.span,
                    fmt::format("`weights` of `{}` takes weights, not {}", network.name,
                                describe(*this, value)),
                    fmt::format("`{}.weights`, and what is computed from them", network.name));
    for (const auto& [state, weight] : *value.weights) {
        const std::string& name = f_.m.module.states[state].name;
        if (!name.starts_with(network.name + "."))
            return fail(DiagnosticKind::kWrongType, expression.span,
                        fmt::format("`{}` is applied with weights of another network, as `{}`",
                                    network.name, name));
    }
    return value;
}

/// Evaluates the expression once per weight. Meanwhile the texts of its arguments stand for that
/// weight in each of them (known_).
Evaluated Evaluator::each_weight(const Expression& e, const std::vector<Evaluated>& operands) {
    const auto first = std::find_if(operands.begin(), operands.end(),
                                    [](const Evaluated& x) { return x.weights != nullptr; });
    Evaluated result;
    for (const Evaluated& x : operands) {
        result.networks.insert(x.networks.begin(), x.networks.end());
        const auto same = [](const auto& a, const auto& b) { return a.first == b.first; };
        if (x.weights && !std::equal(x.weights->begin(), x.weights->end(), first->weights->begin(),
                                     first->weights->end(), same))
            return fail(DiagnosticKind::kShapeMismatch, e.span,
                        fmt::format("`{}` computes with the weights of different layers",
                                    dsl::to_string(e)));
    }
    Weights weights;
    for (const auto& [state, own] : *first->weights) {
        const size_t known = known_.size();
        for (size_t i = 0; i < operands.size(); ++i) {
            if (operands[i].number) continue;
            Evaluated part = operands[i];
            if (part.weights) part.value = part.weights->at(state);
            part.weights = nullptr;
            known_.push_back({dsl::to_string(*e.arguments[i]), f_.averaged, std::move(part)});
        }
        const Evaluated one = tensor(e);
        known_.resize(known);
        if (one.failed) return one;
        if (one.batched || f_.b.shape(one.value) != f_.b.shape(own))
            return fail(
                DiagnosticKind::kShapeMismatch, e.span,
                fmt::format("`{}` makes {} of the weights `{}`, which are {}", dsl::to_string(e),
                            describe(*this, one), f_.m.module.states[state].name,
                            ir::to_string(f_.b.shape(own))));
        weights[state] = one.value;
    }
    result.weights = std::make_shared<const Weights>(std::move(weights));
    return result;
}

bool Evaluator::is_for_weights(const Expression& call) {
    return dsl::find_function(call.text)->takes_weights && call.arguments.size() == 1 &&
           call.arguments[0]->kind != Expression::Kind::kNumber;
}

/// The argument is evaluated once, also when it turns out to be no weights.
Evaluated Evaluator::call_for_weights(const Expression& call, CallFunction function) {
    const Evaluated x = evaluate(*call.arguments[0]);
    if (x.failed) return x;
    if (x.weights) {
        const bool reduces = call.text == "sum" || call.text == "mean" || call.text == "norm";
        return reduces ? reduced_weights(call, x) : each_weight(call, {x});
    }
    if (x.number) return function(*this, call);
    known_.push_back({dsl::to_string(*call.arguments[0]), f_.averaged, x});
    Evaluated result = function(*this, call);
    known_.pop_back();
    return result;
}

/// The sum, mean or norm of all numbers of all weights.
Evaluated Evaluator::reduced_weights(const Expression& call, const Evaluated& x) {
    ValueId sum = ir::kNone;
    int64_t count = 0;
    for (const auto& [state, weight] : *x.weights) {
        const ir::Type type = f_.b.type(weight);  // a copy: new values move the old ones
        count += type.elements();
        const ValueId each = call.text == "norm" ? f_.b.mul(weight, weight) : weight;
        const ValueId part = f_.b.reduce_sum(each, ir::all_axes(type.rank()));
        sum = sum == ir::kNone ? part : f_.b.add(sum, part);
    }
    Evaluated result;
    result.networks = x.networks;
    result.value = call.text == "norm"   ? square_root(f_.b, sum)
                   : call.text == "mean" ? f_.b.scale(sum, 1.0 / static_cast<double>(count))
                                         : sum;
    return result;
}

}  // namespace gmc::lower
