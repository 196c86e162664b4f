// The layer `expression`: calls its expression like a function of the layer's inputs.
#include "dsl/lower/layers/layers_expression.h"

#include "dsl/lower/broadcasting.h"
#include "dsl/lower/evaluate.h"

namespace gmc::lower {

using ir::kNone;
using ir::Shape;
using ir::ValueId;

/// The value for each example: one without a batch is repeated over it, and noted as the same for
/// all, so that products with it need not repeat it.
static ValueId spread_over_batch(Evaluator& e, const Evaluated& x) {
    if (x.batched) return x.value;
    FunctionScope& f = e.scope();
    const ValueId value = e.materialize(x, {});
    const ValueId all = spread(f.b, value, false, batched(f.m.batch, f.b.shape(value)), true);
    f.same_for_all[all] = value;
    return all;
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
