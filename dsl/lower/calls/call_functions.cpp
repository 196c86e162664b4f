// What the functions share, and the one table of all of them.
#include "dsl/lower/calls/call_functions.h"

#include <fmt/format.h>

#include <cmath>

#include "dsl/schema/functions.h"

namespace gmc::lower {

using dsl::Expression;
using ir::kNone;
using ir::Shape;

Evaluated argument(Evaluator& e, const Expression& call, size_t i) {
    return e.tensor(*call.arguments[i]);
}

size_t positional(const Expression& call) {
    size_t count = call.arguments.size();
    for (const std::string& name : call.argument_names) count -= name.empty() ? 0 : 1;
    return count;
}

bool only_batch_left(Evaluator& e, const Evaluated& x, bool one_element_counts) {
    if (x.number || !x.batched) return false;
    const Shape& shape = e.b().shape(x.value);
    return shape.size() == 1 || (one_element_counts && e.b().type(x.value).elements() == shape[0]);
}

ir::ValueId square_root(ir::Builder& b, ir::ValueId x) {
    /// far below the squares of numbers that matter, far above the smallest f32
    constexpr double kEpsilon = 1e-12;
    return b.emit(ir::Sqrt{}, {b.offset(x, kEpsilon)});
}

const Expression* named_argument(const Expression& call, std::string_view name) {
    for (size_t i = 0; i < call.argument_names.size(); ++i)
        if (call.argument_names[i] == name) return call.arguments[i].get();
    return nullptr;
}

/// What is no constant counts as 0.5, which is no axis.
int64_t axis_of(Evaluator& e, const Expression& axis, const Evaluated& x) {
    const Evaluated number = e.whole(axis);
    if (number.failed) return kNone;
    const int64_t first = x.batched ? 1 : 0;
    const int64_t rank = x.number ? 0 : e.b().type(x.value).rank() - first;
    const double k = number.number.value_or(0.5);
    if (k == std::floor(k) && k >= static_cast<double>(-rank) && k < static_cast<double>(rank))
        return first + static_cast<int64_t>(k) + (k < 0 ? rank : 0);
    if (rank == 0)
        e.fail(DiagnosticKind::kBadExpression, axis.span,
               fmt::format("{} has no axis to choose", describe(e, x)),
               x.batched ? "axes are those of an example; over the batch it is `axis=batch`, or, "
                           "of one number per example, no `axis` at all"
                         : "");
    else
        e.fail(DiagnosticKind::kBadExpression, axis.span,
               fmt::format("`axis` must be a whole number from {} to {} here", -rank, rank - 1),
               "axes are those of an example, without the batch; `sum(x)` sums all of them");
    return kNone;
}

int64_t named_axis(Evaluator& e, const Expression& call, const Evaluated& x, bool& failed) {
    const Expression* axis = named_argument(call, "axis");
    if (axis == nullptr) return kNone;
    const int64_t found = axis_of(e, *axis, x);
    failed |= found == kNone;
    return found;
}

std::optional<int64_t> whole_number(Evaluator& e, const Expression& call, size_t i, double low,
                                    double high) {
    const Evaluated x = e.whole(*call.arguments[i]);
    if (x.failed) return std::nullopt;
    const double value = x.number.value_or(low - 1);
    if (value == std::floor(value) && value >= low && value <= high)
        return static_cast<int64_t>(value);
    e.fail(DiagnosticKind::kBadExpression, call.arguments[i]->span,
           fmt::format("`{}` takes a constant whole number from {:.0f} to {:.0f} here, not {}",
                       call.text, low, high, describe(e, x)));
    return std::nullopt;
}

/// An op of one operand and without attributes is a function as soon as the language has a row of
/// its name.
/// Functions that need more than the op (checks, further arguments) were added before and stay,
/// since try_emplace does not replace.
template <typename Op>
static void add_op(CallFunctions& all) {
    if constexpr (Op::kInfo.has(ir::kElementwise) && Op::kInfo.operand_count() == 1 &&
                  std::tuple_size_v<decltype(Op::fields())> == 0)
        if (dsl::find_function(Op::kInfo.name) != nullptr)
            all.try_emplace(std::string(Op::kInfo.name), element_wise<Op>);
}

const CallFunctions& call_functions() {
    static const CallFunctions kTable = [] {
        CallFunctions all;
        for (CallFunctions part :
             {arithmetic_functions(), special_functions(), product_functions(), batch_functions(),
              selection_functions(), activation_functions(), reduction_functions(),
              random_functions(), gradient_functions(), discrete_functions(), schedule_functions()})
            all.merge(part);
#define GMC_OP(Name) add_op<ir::Name>(all);
#include "compiler/ir/op_kind.def"
#undef GMC_OP
        return all;
    }();
    return kTable;
}

}  // namespace gmc::lower
