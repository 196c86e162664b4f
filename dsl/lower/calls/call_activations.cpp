// The activations as functions of expressions: `gelu(x)`, `leaky_relu(x, slope)`, `softmax(x)`.
#include <fmt/format.h>

#include "dsl/lower/activations.h"
#include "dsl/lower/calls/call_functions.h"

namespace gmc::lower {
namespace {

using dsl::Expression;
using ir::kNone;

/// The activation that has the call's name.
Evaluated activation(Evaluator& e, const Expression& call) {
    Evaluated x = argument(e, call, 0);
    if (x.failed) return x;
    x.value = activations().at(call.text)(e.b(), e.materialize(x, {}));
    x.number.reset();
    return x;
}

/// An activation whose second argument is a number, which is `otherwise` when left out.
template <typename Make>
Evaluated with_number(Evaluator& e, const Expression& call, const char* name, double otherwise,
                      const Make& make) {
    Evaluated x = argument(e, call, 0), number;
    number.number = otherwise;
    if (call.arguments.size() > 1) number = argument(e, call, 1);
    if (x.failed || number.failed) return failed();
    if (!number.number || *number.number < 0)
        return e.fail(
            DiagnosticKind::kBadExpression, call.span,
            fmt::format("the {} of `{}` must be a constant, at least 0", name, call.text));
    x.value = make(e.materialize(x, {}), *number.number);
    x.number.reset();
    return x;
}

Evaluated leaky_relu(Evaluator& e, const Expression& call) {
    return with_number(e, call, "slope", 0.3, [&](ir::ValueId x, double slope) {
        return e.b().emit(ir::LeakyRelu{slope}, {x});
    });
}

Evaluated call_elu(Evaluator& e, const Expression& call) {
    return with_number(e, call, "alpha", 1,
                       [&](ir::ValueId x, double alpha) { return elu(e.b(), x, alpha); });
}

/// Over the named axis of an example, or over the last one.
template <ir::ValueId (*kForm)(ir::Builder&, ir::ValueId, int64_t)>
Evaluated call_softmax(Evaluator& e, const Expression& call) {
    Evaluated x = argument(e, call, 0);
    if (x.failed) return x;
    if (x.number || e.b().shape(x.value).size() < 2)
        return e.fail(DiagnosticKind::kShapeMismatch, call.span,
                      "`softmax` needs a vector per example");
    const int64_t named = named_axis(e, call, x, x.failed);
    if (x.failed) return x;
    x.value = kForm(e.b(), x.value, named == kNone ? e.b().type(x.value).rank() - 1 : named);
    return x;
}

}  // namespace

CallFunctions activation_functions() {
    return {
        {"elu", call_elu},
        {"gelu", activation},
        {"leaky_relu", leaky_relu},
        {"log_softmax", call_softmax<log_softmax>},
        {"relu", activation},
        {"silu", activation},
        {"softmax", call_softmax<softmax>},
    };
}

}  // namespace gmc::lower
