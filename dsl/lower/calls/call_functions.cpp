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

int64_t named_axis(Evaluator& e, const Expression& call, const Evaluated& x, bool& failed) {
    for (size_t i = 0; i < call.arguments.size(); ++i) {
        if (i >= call.argument_names.size() || call.argument_names[i] != "axis") continue;
        const Evaluated axis = e.evaluate(*call.arguments[i]);
        const int64_t first = x.batched ? 1 : 0;
        const int64_t rank = x.number ? 0 : e.b().type(x.value).rank() - first;
        if (axis.number && *axis.number == std::floor(*axis.number) && *axis.number >= -rank &&
            *axis.number < rank)
            return first + static_cast<int64_t>(*axis.number) + (*axis.number < 0 ? rank : 0);
        e.fail(DiagnosticKind::kBadExpression, call.arguments[i]->span,
               fmt::format("`axis` must be a whole number from {} to {} here", -rank, rank - 1));
        failed = true;
    }
    return kNone;
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
             {arithmetic_functions(), activation_functions(), reduction_functions(),
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
