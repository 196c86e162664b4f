// Gradients inside an objective, and averages of weights.
#include <fmt/format.h>

#include <algorithm>

#include "dsl/lower/calls/call_functions.h"
#include "dsl/lower/shape_errors.h"

namespace gmc::lower {
namespace {

using dsl::Expression;
using ir::ValueId;

/// Whether `result` is computed from `source`.
bool depends_on(const ir::Function& function, ValueId result, ValueId source) {
    std::vector<bool> reached(function.values.size(), false);
    reached[result] = true;
    for (size_t i = function.operations.size(); i-- > 0;) {
        const ir::Operation& op = function.operations[i];
        if (std::any_of(op.results.begin(), op.results.end(),
                        [&](ValueId v) { return reached[v]; }))
            for (ValueId operand : op.operands) reached[operand] = true;
    }
    return reached[source];
}

/// Whether f is one number per example, or one number; an error if not.
bool is_differentiable(Evaluator& e, const Expression& call, const Evaluated& f) {
    if (f.batched ? only_batch_left(e, f, true) : e.b().shape(f.value).empty()) return true;
    ShapeError error = too_many(e.scope().m, *call.arguments[0], example_of(e.b().shape(f.value)));
    error.where = call.arguments[0]->span;
    error.text =
        fmt::format("`grad` differentiates one number per example, but this is {}", describe(e, f));
    report(e.scope().m, error);
    return false;
}

Evaluated independent(Evaluator& e, const Expression& call) {
    return e.fail(
        DiagnosticKind::kBadExpression, call.span,
        fmt::format("`{}` does not depend on `{}`, so that this gradient would be 0 "
                    "everywhere",
                    dsl::to_string(*call.arguments[0]), dsl::to_string(*call.arguments[1])),
        "give what both share a name in `let`: an expression that stands in two "
        "places is evaluated in each");
}

/// The derivatives of the sum of f with respect to `sources`.
std::vector<ValueId> derivatives(ir::Builder& b, ValueId f, const std::vector<ValueId>& sources) {
    const ValueId scalar = b.reduce_sum(f, ir::all_axes(b.type(f).rank()));
    ir::Operation op{ir::Gradient{}, {scalar}, {}, b.location(), {}};
    for (const ValueId source : sources) {
        op.operands.push_back(source);
        op.results.push_back(b.function().add_value("grad", b.type(source)));
    }
    std::vector<ValueId> results = op.results;
    b.function().operations.push_back(std::move(op));
    return results;
}

/// The gradient with respect to all weights; 0 for those that f does not depend on.
Evaluated grad_by_weights(Evaluator& e, const Expression& call, const Evaluated& f, Evaluated x) {
    ir::Builder& b = e.b();
    std::vector<ir::StateId> states;
    std::vector<ValueId> sources;
    Weights gradients;
    for (const auto& [state, weight] : *x.weights)
        if (depends_on(b.function(), f.value, weight)) {
            states.push_back(state);
            sources.push_back(weight);
        } else {
            gradients[state] = b.constant(0, b.shape(weight));
        }
    if (sources.empty()) return independent(e, call);
    const std::vector<ValueId> results = derivatives(b, f.value, sources);
    for (size_t i = 0; i < states.size(); ++i) gradients[states[i]] = results[i];
    x.weights = std::make_shared<const Weights>(std::move(gradients));
    x.networks.insert(f.networks.begin(), f.networks.end());
    return x;
}

/// The gradient of f with respect to x, shaped like x. When f is one number per example, this is
/// each example's own gradient; with respect to weights it is that of the sum over the batch.
///
/// `grad(d(a + b), a + b)`: where x is written out in f, it is the same value there. Evaluated
/// twice it would be two, and the gradient by the second would be 0.
Evaluated grad(Evaluator& e, const Expression& call) {
    const Expression &f_text = *call.arguments[0], &x_text = *call.arguments[1];
    const bool named = x_text.kind == Expression::Kind::kName;
    Evaluated f, x;
    if (named) f = argument(e, call, 0);
    if (f.failed) return f;
    x = e.evaluate(x_text);
    if (!x.weights) x = e.as_tensor(std::move(x), x_text);
    if (x.failed) return x;
    if (!named) f = x.weights ? argument(e, call, 0) : e.tensor_over(f_text, x_text, x);
    if (f.failed) return f;
    if (f.number || x.number)
        return e.fail(DiagnosticKind::kBadExpression, call.span,
                      "`grad` takes two tensors, but one of these is a constant number");
    if (!is_differentiable(e, call, f)) return x.failed = true, x;
    if (x.weights) return grad_by_weights(e, call, f, std::move(x));
    if (!depends_on(e.b().function(), f.value, x.value)) return independent(e, call);
    x.value = derivatives(e.b(), f.value, {x.value}).front();
    x.networks.insert(f.networks.begin(), f.networks.end());
    return x;
}

}  // namespace

CallFunctions gradient_functions() {
    return {
        {"averaged", [](Evaluator& e, const Expression& call) { return e.averaged(call); }},
        {"grad", grad},
    };
}

}  // namespace gmc::lower
