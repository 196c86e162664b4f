// Functions of classes: one-hot codes, draws and argmax; and the mean over the batch.
#include <fmt/format.h>

#include "dsl/lower/calls/call_functions.h"
#include "dsl/lower/discrete.h"

namespace gmc::lower {

using dsl::Expression;
using ir::kNone;
using ir::Shape;
using ir::ValueId;

namespace {

/// The only argument, which needs at least one axis per example; failed after an error.
Evaluated vectors(Evaluator& e, const Expression& call) {
    const Evaluated x = argument(e, call, 0);
    if (x.failed) return x;
    const size_t least = x.batched ? 2 : 1;
    if (!x.number && e.b().shape(x.value).size() >= least) return x;
    return e.fail(
        DiagnosticKind::kShapeMismatch, call.arguments[0]->span,
        fmt::format("`{}` needs a vector per example, but this is {}", call.text, describe(e, x)));
}

/// [..., C] -> [...]: the position of the largest number, the first one if several are equal.
Evaluated argmax_of(Evaluator& e, const Expression& call) {
    Evaluated x = vectors(e, call);
    if (!x.failed) x.value = argmax(e.b(), x.value);
    return x;
}

/// [..., C] -> [...]: draws a class from softmax(logits) by Gumbel's maximum (Gumbel 1954), that is
/// the position of the largest logit + g with g = -log(-log u). A u of 0 gives -infinity, which is
/// never the largest.
Evaluated categorical(Evaluator& e, const Expression& call) {
    Evaluated x = vectors(e, call);
    if (x.failed) return x;
    ir::Builder& b = e.b();
    const ValueId u = e.scope().random_uniform(b.shape(x.value));
    const ValueId exponential = b.neg(b.emit(ir::Log{}, {u}));
    x.value = argmax(b, b.sub(x.value, b.emit(ir::Log{}, {exponential})));
    return x;
}

/// The second argument of `one_hot`; 0 when there is none, -1 after an error.
int64_t wanted_classes(Evaluator& e, const Expression& call) {
    constexpr double kMostClasses = 1e6;  ///< as in the schema's row of the layer
    if (call.arguments.size() < 2) return 0;
    return whole_number(e, call, 1, 1, kMostClasses).value_or(-1);
}

/// Labels [...] -> one-hot codes [..., classes].
Evaluated one_hot_of(Evaluator& e, const Expression& call) {
    Evaluated labels = e.tensor(*call.arguments[0]);
    int64_t classes = wanted_classes(e, call);
    if (labels.failed) return labels;
    labels.value = e.materialize(labels, {});
    labels.number.reset();
    if (classes >= 0)
        classes =
            class_count(e.scope(), labels.value, classes, call.text, call.arguments.back()->span);
    if (classes <= 0) return labels.failed = true, labels;
    labels.value = one_hot(e.b(), labels.value, classes);
    return labels;
}

/// The mean over the batch, element by element: a plain tensor. In `evaluate` over the valid
/// examples.
Evaluated batch_mean(Evaluator& e, const Expression& call) {
    Evaluated x = e.tensor(*call.arguments[0]);
    if (x.failed) return x;
    if (x.number || !x.batched)
        return e.fail(
            DiagnosticKind::kShapeMismatch, call.arguments[0]->span,
            fmt::format("`batch_mean` averages examples, but this is {}", describe(e, x)));
    x.batched = false;
    x.value = e.scope().batch_mean(x.value);
    return x;
}

}  // namespace

CallFunctions discrete_functions() {
    return {
        {"argmax", argmax_of},
        {"batch_mean", batch_mean},
        {"categorical", categorical},
        {"one_hot", one_hot_of},
    };
}

}  // namespace gmc::lower
