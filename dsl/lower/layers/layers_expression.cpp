// The layer `expression`: calls its expression like a function of the layer's inputs.
#include "dsl/lower/layers/layers_expression.h"

#include "dsl/lower/evaluate.h"

namespace gmc::lower {

using ir::kNone;
using ir::ValueId;

/// The value for each example. Products with one that was the same for all need not repeat it.
static ValueId spread_over_batch(Evaluator& e, const Evaluated& x) {
    return x.batched ? x.value : e.scope().for_each_example(e.materialize(x, {}));
}

ValueId expression_layer(LayerScope& l) {
    Evaluator e(l.f);
    for (size_t i = 0; i < l.spec.arguments.size(); ++i) {
        Evaluated input;
        const auto same = l.f.same_for_all.find(l.inputs[i]);
        input.batched = same == l.f.same_for_all.end();
        input.value = input.batched ? l.inputs[i] : same->second;
        e.bind(l.spec.arguments[i], input);
    }
    const dsl::Expression& expression = *l.spec.expressions.at("expression");
    Evaluated x = e.evaluate(expression);
    if (x.failed) return kNone;
    for (const auto& [name, value] : x.outputs)
        if (!name.empty()) l.results[name] = value;
    if (!x.is_tensor() && !l.results.empty()) {
        const dsl::NetworkSpec* network = l.f.m.view.network(expression.text);
        x.value = l.results.at(network != nullptr ? network->outputs.front().name
                                                  : l.results.begin()->first);
        return x.value;
    }
    if (x.parts && expression.kind == dsl::Expression::Kind::kLoop) {
        for (const auto& [name, value] : *x.parts) l.results[name] = spread_over_batch(e, value);
        return l.results.at(expression.loop->parts.front().name);
    }
    if (!x.is_tensor()) return e.tensor(expression), kNone;  // the name of a network: an error
    return spread_over_batch(e, x);
}

}  // namespace gmc::lower
