// Element-wise functions that are no single ops, and `concat`.
#include <fmt/format.h>

#include "dsl/lower/calls/call_functions.h"

namespace gmc::lower {
namespace {

using dsl::Expression;
using ir::kNone;
using ir::Shape;
using ir::ValueId;

/// x^2 under its usual name.
Evaluated square(Evaluator& e, const Expression& call) {
    Evaluated x = argument(e, call, 0);
    if (x.failed) return x;
    if (x.number)
        x.number = *x.number * *x.number;
    else
        x.value = e.b().mul(x.value, x.value);
    return x;
}

/// min(max(x, low), high).
Evaluated clamp(Evaluator& e, const Expression& call) {
    Evaluated x = argument(e, call, 0);
    const Evaluated low = argument(e, call, 1), high = argument(e, call, 2);
    if (x.failed) return x;
    if (!low.number || !high.number)
        return e.fail(DiagnosticKind::kBadExpression, call.span,
                      "the bounds of `clamp` must be constant numbers");
    ir::Builder& b = e.b();
    x.value = e.materialize(x, {});
    x.number.reset();
    const Shape shape = b.shape(x.value);
    x.value = b.emit(ir::Maximum{}, {x.value, b.constant(*low.number, shape)});
    x.value = b.emit(ir::Minimum{}, {x.value, b.constant(*high.number, shape)});
    return x;
}

/// Element by element: -t log(sigmoid(l)) - (1 - t) log(1 - sigmoid(l)) = softplus(l) - t l.
Evaluated bce_with_logits(Evaluator& e, const Expression& call) {
    Evaluated logits = argument(e, call, 0), target = argument(e, call, 1);
    if (logits.failed) return logits;
    if (target.failed) return target;
    if (logits.number)
        return e.fail(DiagnosticKind::kWrongType, call.arguments[0]->span,
                      "logits must be a tensor, not a constant");
    if (!e.match(call, logits, target)) return logits.failed = true, logits;
    ir::Builder& b = e.b();
    logits.value = b.sub(b.emit(ir::Softplus{}, {logits.value}), b.mul(target.value, logits.value));
    return logits;
}

/// a + t (b - a).
Evaluated lerp(Evaluator& e, const Expression& call) {
    Evaluated a = argument(e, call, 0), b = argument(e, call, 1), t = argument(e, call, 2);
    for (Evaluated* x : {&a, &b, &t})
        if (x->failed) return *x;
    if (a.number) a.value = e.b().constant(*a.number), a.number.reset();
    if (!e.match(call, a, b)) return a.failed = true, a;
    Evaluated difference = a;
    difference.value = e.b().sub(b.value, a.value);
    if (!e.match(call, t, difference, 2, 0)) return a.failed = true, a;
    t.value = e.b().mul(t.value, difference.value);
    if (!e.match(call, a, t, 0, 2)) return a.failed = true, a;
    a.value = e.b().add(a.value, t.value);
    return a;
}

/// Joins examples along the named axis, or along the last one.
Evaluated concat(Evaluator& e, const Expression& call) {
    Evaluated result;
    result.batched = true;
    std::vector<ValueId> parts;
    int64_t axis = kNone;
    for (size_t i = 0; i < positional(call); ++i) {
        const auto& part = call.arguments[i];
        const Evaluated x = e.tensor(*part);
        if (x.failed) return x;
        if (x.number || !x.batched)
            return e.fail(DiagnosticKind::kShapeMismatch, part->span,
                          "`concat` joins examples, and this is a plain number");
        Shape shape = e.b().shape(x.value);
        const Shape first = parts.empty() ? shape : e.b().shape(parts[0]);
        if (parts.empty()) {
            axis = named_axis(e, call, x, result.failed);
            if (result.failed) return result;
            if (axis == kNone) axis = static_cast<int64_t>(shape.size()) - 1;
        }
        if (shape.size() == first.size()) shape[axis] = first[axis];
        if (shape != first)
            return e.fail(DiagnosticKind::kShapeMismatch, part->span,
                          fmt::format("`concat` along axis {} cannot join {} and {}", axis - 1,
                                      ir::to_string(example_of(first)), describe(e, x)));
        parts.push_back(x.value);
        result.networks.insert(x.networks.begin(), x.networks.end());
    }
    result.value = e.b().emit(ir::Concat{axis}, parts);
    return result;
}

/// `sqrt(x)` is the root that is safe at 0 (see square_root).
Evaluated square_root_of(Evaluator& e, const Expression& call) {
    Evaluated x = argument(e, call, 0);
    if (x.failed) return x;
    x.value = square_root(e.b(), e.materialize(x, {}));
    x.number.reset();
    return x;
}

}  // namespace

CallFunctions arithmetic_functions() {
    return {
        {"bce_with_logits", bce_with_logits},
        {"clamp", clamp},
        {"concat", concat},
        {"lerp", lerp},
        {"sqrt", square_root_of},
        {"square", square},
    };
}

}  // namespace gmc::lower
