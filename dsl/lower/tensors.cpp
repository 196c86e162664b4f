// Declares tensors outside of networks, and computes the next values of states.
#include "dsl/lower/tensors.h"

#include <fmt/format.h>

#include "dsl/lower/broadcasting.h"
#include "dsl/lower/layers/layers.h"

namespace gmc::lower {

using ir::Shape;
using ir::StateId;
using ir::ValueId;

Evaluated parameter_value(FunctionScope& f, const dsl::NetworkSpec& parameter) {
    LayerScope layer{f, parameter.layers.front(), parameter.name, {}};
    Evaluated result;
    result.value = layer.parameter(kTensorName, tensor_shape(layer.spec));
    result.networks.insert(parameter.name);
    return result;
}

/// A state without an initializer begins with the number `start`.
static StateId declare(FunctionScope& f, const dsl::StateSpec& state) {
    const dsl::LayerSpec& spec = state.tensor;
    Shape shape = tensor_shape(spec);
    if (state.per_example) shape = batched(f.m.batch, shape);
    LayerScope layer{f, spec, state.name, {}};
    const bool drawn = spec.has("initializer");
    return layer.statistic(kTensorName, std::move(shape), drawn ? "" : "constant",
                           drawn ? 0 : spec.number("start"));
}

Evaluated state_value(FunctionScope& f, const dsl::StateSpec& state) {
    Evaluated result;
    result.value = f.state(declare(f, state));
    result.batched = state.per_example;
    return result;
}

/// The value brought to the state's shape; kNone after an error.
static ValueId fitted(Evaluator& e, const dsl::StateSpec& state, const Evaluated& x,
                      const Shape& shape) {
    if (x.number) return e.materialize(x, shape);
    ir::Builder& b = e.b();
    const Shape whole = b.shape(x.value), wanted = state.per_example ? example_of(shape) : shape;
    const Shape own = x.batched ? example_of(whole) : whole;
    if ((!x.batched || state.per_example) && common_shape(own, wanted) == wanted)
        return spread(b, x.value, x.batched, shape, state.per_example);
    const bool too_many = x.batched && !state.per_example;
    e.fail(
        DiagnosticKind::kShapeMismatch, state.update->span,
        fmt::format("the state `{}` is {}{}, but its update is {}", state.name,
                    ir::to_string(wanted), state.per_example ? " per example" : "", describe(e, x)),
        too_many ? "`mean(x, axis=batch)` is one for all examples; `per_example: true` keeps one "
                   "for each"
                 : "");
    return ir::kNone;
}

std::optional<NewStates> new_states(Evaluator& e) {
    FunctionScope& f = e.scope();
    NewStates out;
    for (const dsl::StateSpec& state : f.m.spec.objective.states) {
        const StateId id = declare(f, state);
        const Evaluated x = e.tensor(*state.update);
        if (x.failed) return std::nullopt;
        const ValueId value = fitted(e, state, x, f.m.module.states[id].type.shape);
        if (value == ir::kNone) return std::nullopt;
        out.push_back({id, value});
    }
    return out;
}

}  // namespace gmc::lower
