// One walk in program order with a hash table of what has been computed: an op whose key is in the
// table is replaced by the value found there. Operands are up to date when an op is reached, so a
// chain of equal ops is merged in a single walk.
#include "compiler/passes/cse.h"

#include <algorithm>
#include <string>
#include <unordered_map>

#include "compiler/passes/op_key.h"
#include "compiler/passes/rewriter.h"

namespace gmc::passes {
namespace {

using namespace ir;  // NOLINT: all of this is about ir

/// Operands of commutative ops are sorted, so that a + b and b + a have one key.
std::string key_of(const Rewriter& rewriter, const Operation& op) {
    std::vector<ValueId> operands = op.operands;
    if (op.info().has(kCommutative)) std::sort(operands.begin(), operands.end());
    return op_key(op.op, operands, rewriter.type(op.result()));
}

}  // namespace

Result<bool> cse(Module& module, Diagnostics&) {
    bool changed = false;
    for (Function& function : module.functions) {
        std::unordered_map<std::string, ValueId> seen;
        changed |= Rewriter(module, function).run([&](Rewriter& rewriter, Operation& op) {
            const auto [first, fresh] = seen.try_emplace(key_of(rewriter, op), op.result());
            return fresh ? kNone : first->second;
        });
    }
    return changed;
}

}  // namespace gmc::passes
