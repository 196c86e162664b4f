// Evaluates the expression of a layer.
#include "dsl/lower/layers/layers_expression.h"

#include "dsl/lower/broadcasting.h"
#include "dsl/lower/evaluate.h"

namespace gmc::lower {

using ir::kNone;
using ir::Shape;
using ir::ValueId;

ValueId expression_layer(LayerScope& l) {
    Evaluator e(l.f);
    for (size_t i = 0; i < l.spec.arguments.size(); ++i) {
        Evaluated input;
        input.value = l.inputs[i];
        input.batched = true;
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
    if (!x.is_tensor()) return e.tensor(expression), kNone;  // the name of a network: an error
    if (x.batched) return x.value;
    // What has no batch is the same for every example.
    const ValueId value = e.materialize(x, {});
    return spread(l.f.b, value, false, batched(l.f.m.batch, l.f.b.shape(value)), true);
}

}  // namespace gmc::lower
