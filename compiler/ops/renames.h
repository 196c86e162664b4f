// Which value stands for another one, while a pass rewrites a function.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "compiler/ir/module.h"

namespace gmc::ops {

class Renames {
  public:
    /// From now on `by` is read where `value` was. `by` may itself be replaced later.
    void set(ir::ValueId value, ir::ValueId by) {
        if (static_cast<size_t>(value) >= by_.size())
            by_.resize(static_cast<size_t>(value) + 1, ir::kNone);
        by_[value] = by;
    }

    /// What stands for the value: itself, if nothing replaces it.
    ir::ValueId of(ir::ValueId value) const {
        while (static_cast<size_t>(value) < by_.size() && by_[value] != ir::kNone)
            value = by_[value];
        return value;
    }

    /// The operands of `op`, and those of what is fused in it. A loop names what it reads only
    /// once, in order of first use: where two of its operands become one, the first place stays.
    void apply(ir::Operation& op) const {
        for (ir::ValueId& operand : op.operands) operand = of(operand);
        if (op.body.empty()) return;
        std::vector<ir::ValueId> once;
        for (const ir::ValueId operand : op.operands)
            if (std::find(once.begin(), once.end(), operand) == once.end()) once.push_back(operand);
        op.operands = std::move(once);
        for (ir::Operation& inner : op.body) apply(inner);
    }

    /// What leaves the function: its updates and results.
    void apply_to_exits(ir::Function& function) const {
        for (ir::Update& update : function.updates) update.value = of(update.value);
        for (ir::NamedValue& result : function.results) result.value = of(result.value);
    }

    bool empty() const { return by_.empty(); }

  private:
    std::vector<ir::ValueId> by_;  ///< by value; ir::kNone: nothing replaces it
};

}  // namespace gmc::ops
