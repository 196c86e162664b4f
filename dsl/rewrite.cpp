// Replaces names in expressions. Trees are shared and never changed, so a replacement copies the
// path from the root down to what changes.
#include "dsl/rewrite.h"

#include <algorithm>

namespace gmc::dsl {

/// One recursive descent. A name that has a value is exchanged as a whole, without looking into
/// that value again, so a replacement that mentions its own name cannot loop. Everything else is
/// copied only if one of its arguments changed; otherwise the old tree itself is returned, and the
/// caller sees by comparing pointers that nothing changed.
ExpressionPtr replace(const ExpressionPtr& expression, const Replacements& replacements,
                      const std::set<std::string>& shadowed) {
    using Kind = Expression::Kind;
    const Expression& e = *expression;
    const bool own_name =
        (e.kind == Kind::kName && !shadowed.count(e.text)) || e.kind == Kind::kCall;
    if (e.kind == Kind::kName && own_name) {
        const auto value = replacements.names.find(e.text);
        // The value keeps its own place, because an error in it is where its author wrote it.
        if (value != replacements.names.end()) return value->second;
    }
    Expression copy = e;
    bool changed = false;
    const auto callee = own_name ? replacements.callees.find(e.text) : replacements.callees.end();
    if (callee != replacements.callees.end()) {
        copy.text = callee->second;
        changed = true;
    }
    for (size_t i = 0; i < copy.arguments.size(); ++i) {
        ExpressionPtr& argument = copy.arguments[i];
        std::set<std::string> inside = names_bound(e, i);
        if (!inside.empty()) inside.insert(shadowed.begin(), shadowed.end());
        ExpressionPtr replaced =
            replace(argument, replacements, inside.empty() ? shadowed : inside);
        changed |= replaced != argument;
        argument = std::move(replaced);
    }
    return changed ? std::make_shared<const Expression>(std::move(copy)) : expression;
}

void replace(OptimizerSpec& optimizer, const Replacements& replacements) {
    for (NamedExpression& one : optimizer.parameters)
        one.value = replace(one.value, replacements, {});
    for (NamedExpression& one : optimizer.rate_factors) {
        one.value = replace(one.value, replacements, {});
        const size_t end = std::min(one.name.find('.'), one.name.size());
        const auto network = replacements.callees.find(one.name.substr(0, end));
        if (network != replacements.callees.end()) one.name.replace(0, end, network->second);
    }
    if (optimizer.lookahead)
        optimizer.lookahead->share = replace(optimizer.lookahead->share, replacements, {});
}

/// `let`, metrics, losses, averages and optimizers see all replacements. Functions see only those
/// of their parameters: in a recipe with `real: image`, `encode(real): ...` becomes `encode(image):
/// ...`, because gmrun feeds a function by the names of fields.
void replace(ObjectivePart& part, const Replacements& replacements) {
    const auto all = [&](std::vector<NamedExpression>& list,
                         const std::set<std::string>& shadowed) {
        for (NamedExpression& one : list) one.value = replace(one.value, replacements, shadowed);
    };
    all(part.let, {});
    for (StateSpec& state : part.states) state.update = replace(state.update, replacements, {});
    all(part.metrics, {});
    for (MinimizeSpec& entry : part.minimize) {
        if (entry.loss) entry.loss = replace(entry.loss, replacements, {});
        all(entry.metrics, {});
        for (std::string& network : entry.networks) {
            const auto found = replacements.callees.find(network);
            if (found != replacements.callees.end()) network = found->second;
        }
        if (entry.average) entry.average = replace(entry.average, replacements, {});
        if (entry.optimizer) replace(*entry.optimizer, replacements);
    }
    for (FunctionSpec& function : part.functions) {
        // A parameter named like one of the recipe's is the field that this one stands for.
        Replacements fields;
        for (std::string& parameter : function.parameters) {
            const auto field = replacements.names.find(parameter);
            if (field == replacements.names.end() || field->second->kind != Expression::Kind::kName)
                continue;
            fields.names.insert(*field);
            parameter = field->second->text;
        }
        for (NamedExpression& result : function.results)
            result.value = replace(result.value, fields, {});
        all(function.results, {function.parameters.begin(), function.parameters.end()});
    }
}

}  // namespace gmc::dsl
