// What the built-in functions of expressions share, and their tables. There is one file per theme:
// call_arithmetic, call_special, call_products, call_batch, call_selection, call_activations,
// call_reductions, call_random, call_gradients, call_discrete and call_schedules; call_layers has
// layers that are functions. Names, numbers of arguments and documentation are in
// dsl/schema/functions.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "dsl/lower/evaluate.h"

namespace gmc::lower {

using CallFunctions = std::map<std::string, CallFunction>;
CallFunctions arithmetic_functions();
CallFunctions selection_functions();
CallFunctions special_functions();
CallFunctions product_functions();
CallFunctions batch_functions();
CallFunctions activation_functions();
CallFunctions reduction_functions();
CallFunctions random_functions();
CallFunctions gradient_functions();
CallFunctions discrete_functions();
CallFunctions schedule_functions();

/// A layer without weights as a function: `pad(x, 2)`.
Evaluated call_layer(Evaluator& e, const dsl::Expression& call);

/// Argument i of a call, evaluated to a tensor or number.
Evaluated argument(Evaluator& e, const dsl::Expression& call, size_t i);

/// sqrt(x + 1e-12). Its derivatives are finite at 0, and the gradient of a norm is 0 there.
ir::ValueId square_root(ir::Builder& b, ir::ValueId x);

/// The number of arguments without a name.
size_t positional(const dsl::Expression& call);

/// True when only the batch is left to reduce: x is a plain tensor or has shape [N]; with
/// `one_element_counts` also [N, 1].
bool only_batch_left(Evaluator& e, const Evaluated& x, bool one_element_counts);

/// The argument `name=...` of a call; null when it is not given.
const dsl::Expression* named_argument(const dsl::Expression& call, std::string_view name);

/// The argument `axis=k` of a call, an axis of the example: from 0 without the batch, or from the
/// end when negative. kNone when it is not given; sets `failed` after an error.
int64_t named_axis(Evaluator& e, const dsl::Expression& call, const Evaluated& x, bool& failed);
/// The axis of x that the number `axis` means; kNone after an error.
int64_t axis_of(Evaluator& e, const dsl::Expression& axis, const Evaluated& x);

/// Argument i of a call as a constant whole number from `low` to `high`; nothing after an error.
std::optional<int64_t> whole_number(Evaluator& e, const dsl::Expression& call, size_t i, double low,
                                    double high);

/// Applies the op to each number of the only argument.
template <typename Op>
Evaluated element_wise(Evaluator& e, const dsl::Expression& call) {
    Evaluated x = argument(e, call, 0);
    if (x.failed) return x;
    x.value = e.b().emit(Op{}, {e.materialize(x, {})});
    x.number.reset();
    return x;
}

/// Applies the op to two arguments, element by element.
template <typename Op>
Evaluated pairwise(Evaluator& e, const dsl::Expression& call) {
    Evaluated x = argument(e, call, 0), y = argument(e, call, 1);
    if (x.failed) return x;
    if (y.failed) return y;
    if (x.number && y.number) x.value = e.b().constant(*x.number), x.number.reset();
    if (!e.match(call, x, y)) return y.failed = true, y;
    x.value = e.b().emit(Op{}, {x.value, y.value});
    return x;
}

}  // namespace gmc::lower
