// One walk in program order, which notes the exponentials and the first quotient of each, and makes
// ops behind that quotient read the product instead of the exponential.
#include "compiler/passes/algebra/reuse_quotients.h"

#include <unordered_map>

#include "compiler/ir/builder.h"

namespace gmc::passes {
namespace {

using namespace ir;  // NOLINT

/// What an exponential is equal to, once its quotient has been computed.
struct Quotient {
    ValueId quotient = kNone, divisor = kNone;
    ValueId product = kNone;  ///< kNone: not emitted yet
};

bool reuse(Module& module, Function& function) {
    std::vector<bool> is_exponential(function.values.size(), false);
    std::unordered_map<ValueId, Quotient> quotients;
    std::vector<Operation> before;
    std::swap(before, function.operations);
    Builder b(module, function);
    bool changed = false;
    for (Operation& op : before) {
        for (ValueId& operand : op.operands) {
            const auto known = quotients.find(operand);
            if (known == quotients.end()) continue;
            Quotient& q = known->second;
            b.set_location(op.location);
            if (q.product == kNone) q.product = b.mul(q.quotient, q.divisor);
            operand = q.product;
            changed = true;
        }
        if (op.as<Exp>() != nullptr) is_exponential[op.result()] = true;
        if (op.as<Div>() != nullptr && is_exponential[op.operands[0]])
            quotients.try_emplace(op.operands[0], Quotient{op.result(), op.operands[1], kNone});
        function.operations.push_back(std::move(op));
    }
    return changed;
}

}  // namespace

Result<bool> reuse_quotients(Module& module, Diagnostics&) {
    bool changed = false;
    for (Function& function : module.functions) changed |= reuse(module, function);
    return changed;
}

}  // namespace gmc::passes
