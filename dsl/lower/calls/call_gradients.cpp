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

/// The gradient of f with respect to x, shaped like x. When f is one number per example, this is
/// each example's own gradient.
///
/// `grad(d(a + b), a + b)`: where x is written out in f, it is the same value there. Evaluated
/// twice it would be two, and the gradient by the second would be 0.
Evaluated grad(Evaluator& e, const Expression& call) {
    const Expression &f_text = *call.arguments[0], &x_text = *call.arguments[1];
    const bool named = x_text.kind == Expression::Kind::kName;
    Evaluated f, x;
    if (named) f = argument(e, call, 0);
    if (f.failed) return f;
    x = argument(e, call, 1);
    if (x.failed) return x;
    if (!named) f = e.tensor_over(f_text, x_text, x);
    if (f.failed) return f;
    if (f.number || x.number)
        return e.fail(DiagnosticKind::kBadExpression, call.span,
                      "`grad` takes two tensors, but one of these is a constant number");
    if (f.batched ? !only_batch_left(e, f, true) : !e.b().shape(f.value).empty()) {
        ShapeError error =
            too_many(e.scope().m, *call.arguments[0], example_of(e.b().shape(f.value)));
        error.where = call.arguments[0]->span;
        error.text = fmt::format("`grad` differentiates one number per example, but this is {}",
                                 describe(e, f));
        report(e.scope().m, error);
        x.failed = true;
        return x;
    }
    ir::Builder& b = e.b();
    if (!depends_on(b.function(), f.value, x.value))
        return e.fail(DiagnosticKind::kBadExpression, call.span,
                      fmt::format("`{}` does not depend on `{}`, so that this gradient would be 0 "
                                  "everywhere",
                                  dsl::to_string(f_text), dsl::to_string(x_text)),
                      "give what both share a name in `let`: an expression that stands in two "
                      "places is evaluated in each");
    const ValueId scalar = b.reduce_sum(f.value, ir::all_axes(b.type(f.value).rank()));
    const ValueId value = b.function().add_value("grad", b.type(x.value));
    b.function().operations.push_back(
        {ir::Gradient{}, {scalar, x.value}, {value}, b.location(), {}});
    x.value = value;
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
