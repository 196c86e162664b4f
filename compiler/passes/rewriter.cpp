// Moves the operations one by one from the old list to a new one, so that rules can put operations
// before the one at hand. What a rule replaces is noted in `renames_`, and later operations get
// their operands renamed when their turn comes: so a pass takes one walk, however much it replaces.
#include "compiler/passes/rewriter.h"

namespace gmc::passes {

using namespace ir;  // NOLINT: all of this is about ir

Rewriter::Rewriter(Module& module, Function& function)
    : function_(function), builder_(module, function) {}

/// Brings the table of definitions up to date with the operations that were appended since the last
/// look-up.
void Rewriter::note_definitions() const {
    defined_by_.resize(function_.values.size(), kNone);
    for (; noted_ < function_.operations.size(); ++noted_) {
        const Operation& op = function_.operations[noted_];
        if (op.results.size() == 1 && op.body.empty())
            defined_by_[op.result()] = static_cast<int32_t>(noted_);
    }
}

const Operation* Rewriter::definition(ValueId value) const {
    note_definitions();
    const int32_t index = defined_by_[value];
    return index == kNone ? nullptr : &function_.operations[index];
}

const double* Rewriter::constant(ValueId value) const {
    const Operation* op = definition(value);
    if (op == nullptr || op->as<Constant>() == nullptr) return nullptr;
    return &op->as<Constant>()->value;
}

ValueId Rewriter::become(Operation& at_hand, OpVariant op, std::vector<ValueId> operands) {
    at_hand.op = std::move(op);
    at_hand.operands = std::move(operands);
    changed_ = true;
    return kNone;
}

/// One walk over the function.
bool Rewriter::run(const Rule& rule) {
    std::vector<Operation> before = std::move(function_.operations);
    function_.operations.clear();
    for (Operation& op : before) {
        renames_.apply(op);
        builder_.set_location(op.location);
        const ValueId value = op.body.empty() && op.results.size() == 1 ? rule(*this, op) : kNone;
        if (value != kNone) {
            renames_.set(op.result(), value);
            changed_ = true;
        } else {
            function_.operations.push_back(std::move(op));
        }
    }
    renames_.apply_to_exits(function_);
    return changed_;
}

std::vector<int> count_readers(const Function& function) {
    std::vector<int> readers(function.values.size(), 0);
    for (const Operation& op : function.operations)
        for (ValueId operand : op.operands) ++readers[operand];
    for (const Update& update : function.updates) ++readers[update.value];
    for (const NamedValue& result : function.results) ++readers[result.value];
    return readers;
}

bool rewrite(Module& module, const Rewriter::Rule& rule) {
    bool changed = false;
    for (Function& function : module.functions) changed |= Rewriter(module, function).run(rule);
    return changed;
}

}  // namespace gmc::passes
