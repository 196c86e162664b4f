// A depth-first walk over the operations in program order: before an operation is written, the
// makers of its operands are. So an operation that stands early enough keeps its place. Linear
// time; the stack is explicit, because a chain of operations may be as long as the function.
#include "compiler/passes/memory/dependency_order.h"

#include <utility>
#include <vector>

namespace gmc::passes {

using namespace ir;  // NOLINT

void sort_by_dependency(Function& function) {
    std::vector<Operation>& before = function.operations;
    std::vector<int> maker(function.values.size(), kNone);
    for (size_t i = 0; i < before.size(); ++i)
        for (ValueId v : before[i].results) maker[v] = static_cast<int>(i);
    std::vector<Operation> out;
    std::vector<bool> begun(before.size(), false);
    std::vector<std::pair<int, size_t>> stack;  // an operation and how many operands are done
    const auto enter = [&](int i) {
        if (i == kNone || begun[i]) return;
        begun[i] = true;
        stack.push_back({i, 0});
    };
    for (size_t i = 0; i < before.size(); ++i) {
        enter(static_cast<int>(i));
        while (!stack.empty()) {
            const auto [at, operand] = stack.back();
            if (operand < before[at].operands.size()) {
                ++stack.back().second;
                enter(maker[before[at].operands[operand]]);
            } else {
                stack.pop_back();
                out.push_back(std::move(before[at]));
            }
        }
    }
    before = std::move(out);
}

}  // namespace gmc::passes
