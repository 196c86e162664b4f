// Gradients inside of an objective, and averages of weights.
#include <fmt/format.h>

#include "dsl/lower/calls/call_functions.h"
#include "dsl/lower/shape_errors.h"

namespace gmc::lower {
namespace {

using dsl::Expression;
using ir::ValueId;

/// Gradient of f by x, shaped like x. Where f is one number per example, each example's own
/// gradient.
Evaluated grad(Evaluator& e, const Expression& call) {
    const Evaluated f = argument(e, call, 0);
    if (f.failed) return f;
    Evaluated x = argument(e, call, 1);
    if (x.failed) return x;
    if (f.number || x.number)
        return e.fail(DiagnosticKind::kBadExpression, call.span,
                      "`grad` of or by a constant number");
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
