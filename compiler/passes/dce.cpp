// One walk from the end: an op stays when a result of it is needed, and then its operands are
// needed.
#include "compiler/passes/dce.h"

#include <algorithm>

#include "compiler/ir/scan.h"

namespace gmc::passes {
namespace {

using namespace ir;  // NOLINT: all of this is about ir

class Eliminator {
  public:
    explicit Eliminator(Function& function)
        : function_(function), needed_(function.values.size(), false) {}

    bool run() {
        for (const Update& update : function_.updates) needed_[update.value] = true;
        for (const NamedValue& result : function_.results) needed_[result.value] = true;
        std::vector<Operation> kept;
        const size_t before = function_.operations.size();
        while (!function_.operations.empty()) {
            Operation op = std::move(function_.operations.back());
            function_.operations.pop_back();
            if (!is_needed(op)) continue;
            for (ValueId operand : op.operands) needed_[operand] = true;
            kept.push_back(std::move(op));
        }
        std::reverse(kept.begin(), kept.end());
        function_.operations = std::move(kept);
        return function_.operations.size() != before;
    }

  private:
    bool is_needed(const Operation& op) const {
        return std::any_of(op.results.begin(), op.results.end(),
                           [&](ValueId v) { return needed_[v]; });
    }

    Function& function_;
    std::vector<bool> needed_;  ///< by value
};

}  // namespace

Result<bool> dce(Module& module, Diagnostics&) {
    bool changed = false;
    for (Function& function : module.functions) changed |= Eliminator(function).run();
    return remove_unused_bodies(module) || changed;
}

}  // namespace gmc::passes
