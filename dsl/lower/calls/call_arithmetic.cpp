// Element-wise functions that are no single ops, and `concat`.
#include <fmt/format.h>

#include "dsl/lower/broadcasting.h"
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
    if (x.failed || low.failed || high.failed) return failed();
    if (!low.number || !high.number)
        return e.fail(DiagnosticKind::kBadExpression, call.span,
                      "the bounds of `clamp` must be constant numbers");
    if (*low.number > *high.number)
        return e.fail(DiagnosticKind::kBadValue, call.span,
                      fmt::format("`clamp` is from {} to {}, the first must not be larger",
                                  *low.number, *high.number));
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

/// Joins tensors along the named axis, or along the last one; what has no batch goes with every
/// example, unless nothing has one.
Evaluated concat(Evaluator& e, const Expression& call) {
    Evaluated result;
    std::vector<Evaluated> parts;
    for (size_t i = 0; i < positional(call); ++i) {
        parts.push_back(e.tensor(*call.arguments[i]));
        if (parts.back().failed) return parts.back();
        if (parts.back().number || e.example_shape(parts.back()).empty())
            return e.fail(DiagnosticKind::kShapeMismatch, call.arguments[i]->span,
                          fmt::format("`concat` joins tensors along an axis, but this is {}",
                                      describe(e, parts.back())));
        result.batched |= parts.back().batched;
        result.networks.insert(parts.back().networks.begin(), parts.back().networks.end());
    }
    ir::Builder& b = e.b();
    for (Evaluated& part : parts) {
        if (part.batched == result.batched) continue;
        part.value =
            spread(b, part.value, false, batched(e.scope().m.batch, b.shape(part.value)), true);
        part.batched = true;
    }
    int64_t axis = named_axis(e, call, parts[0], result.failed);
    if (result.failed) return result;
    const Shape first = b.shape(parts[0].value);
    if (axis == kNone) axis = static_cast<int64_t>(first.size()) - 1;
    std::vector<ValueId> values;
    for (size_t i = 0; i < parts.size(); ++i) {
        Shape shape = b.shape(parts[i].value);
        if (shape.size() == first.size()) shape[axis] = first[axis];
        if (shape != first) {
            const auto [one, other] = describe(e, parts[0], e, parts[i]);
            return e.fail(DiagnosticKind::kShapeMismatch, call.arguments[i]->span,
                          fmt::format("`concat` along axis {} cannot join {} and {}",
                                      axis - (result.batched ? 1 : 0), one, other));
        }
        values.push_back(parts[i].value);
    }
    result.value = b.emit(ir::Concat{axis}, std::move(values));
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
