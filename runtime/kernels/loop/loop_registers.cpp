// Assigns registers by a linear scan over the actions with a list of free registers: the simplest
// of allocators is enough, because a plan has no branches.
#include "runtime/kernels/loop/loop_registers.h"

#include <algorithm>

namespace gmc::runtime {
namespace {

bool has(const std::vector<int>& cells, int cell) {
    return std::find(cells.begin(), cells.end(), cell) != cells.end();
}

}  // namespace

int last_use(const LoopPlan& plan, int cell) {
    for (size_t s = plan.tile_actions.size(); s-- > 0;)
        if (has(plan.tile_actions[s].in, cell)) return static_cast<int>(s);
    return -1;
}

int producer(const LoopPlan& plan, int cell) {
    for (size_t s = 0; s < plan.tile_actions.size(); ++s)
        if (const Action& action = plan.tile_actions[s];
            has(action.out, cell) && (action.function != nullptr || action.window >= 0))
            return static_cast<int>(s);
    return -1;
}

namespace {

/// Whether a result may not lie where an operand of the action does: elements that are larger than
/// the operand's would destroy others that are still to be read, and joined ops read some operands
/// after they have written results.
bool keeps_operands(const LoopPlan& plan, const Action& action) {
    if (action.joined != nullptr) return true;
    return action.in.size() == 1 && action.out.size() == 1 &&
           ir::dtype_size(plan.cells[action.out[0]].dtype) >
               ir::dtype_size(plan.cells[action.in[0]].dtype);
}

/// Assigns the registers of one plan.
class Assignment {
  public:
    explicit Assignment(LoopPlan& plan) : plan_(plan), last_use_(plan.cells.size(), -1) {
        for (const Cell& cell : plan.cells)
            is_tile_register_.push_back(cell.kind == Cell::Kind::kRegister);
        for (const Action& action : plan.thread_actions)
            for (int cell : action.out) is_tile_register_[cell] = false;
        for (size_t s = 0; s < plan.tile_actions.size(); ++s)
            for (int cell : plan.tile_actions[s].in) last_use_[cell] = static_cast<int>(s);
    }

    void run() {
        for (size_t s = 0; s < plan_.tile_actions.size(); ++s) {
            const Action& action = plan_.tile_actions[s];
            const bool take_first = keeps_operands(plan_, action);
            if (take_first) take(action);
            release(action, static_cast<int>(s));
            if (!take_first) take(action);
            for (int cell : action.out)
                if (is_tile_register_[cell] && last_use_[cell] < 0)
                    free_.push_back(plan_.cells[cell].index);
        }
    }

  private:
    /// Registers of operands that are not read again.
    void release(const Action& action, int index) {
        for (auto cell = action.in.begin(); cell != action.in.end(); ++cell) {
            const bool again = std::find(action.in.begin(), cell, *cell) != cell;
            if (!again && is_tile_register_[*cell] && last_use_[*cell] == index)
                free_.push_back(plan_.cells[*cell].index);
        }
    }

    /// Gives the results of an action registers: free ones first.
    void take(const Action& action) {
        for (int cell : action.out) {
            if (!is_tile_register_[cell]) continue;
            Cell& out = plan_.cells[cell];
            if (free_.empty()) {
                out.index = plan_.registers++;
            } else {
                out.index = free_.back();
                free_.pop_back();
            }
        }
    }

    LoopPlan& plan_;
    std::vector<int> last_use_;  ///< by cell: the last action that reads it, or -1
    /// By cell: whether it is a register that holds a value within one tile only. Not so the
    /// results of thread_actions: a thread keeps them for the whole run, in registers that are
    /// assigned already.
    std::vector<bool> is_tile_register_;
    std::vector<int> free_;
};

}  // namespace

void assign_registers(LoopPlan& plan) { Assignment(plan).run(); }

}  // namespace gmc::runtime
