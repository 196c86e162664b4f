// Which values of a function need no memory of their own, because they lie within the memory of
// another value, its container: the result of a reshape or a slice lies within its operand, and an
// operand of a concat or pack within the result. plan_memory gives memory to containers only, and
// order_operations and order_states count memory in the same way; keep_copies asks here which
// parameters are updated as parts of one value.
#pragma once

#include <vector>

#include "compiler/ir/module.h"
#include "compiler/support/numbers.h"

namespace gmc::passes {

/// Bytes that a value takes in an arena.
inline int64_t aligned_bytes(const ir::Type& type) {
    return align_up(type.bytes(), ir::kTensorAlignment);
}

/// Where a value lies within another one.
struct View {
    ir::ValueId of = ir::kNone;
    int64_t bytes = 0;  ///< from the start of `of`
};

class MemoryViews {
  public:
    explicit MemoryViews(const ir::Function& function);

    /// The value that `value` lies within, and where: the outermost one, when it lies within
    /// several that lie within each other. For a value with memory of its own, that value and 0.
    View container(ir::ValueId value) const;
    /// Whether a value lies within another one.
    bool is_view(ir::ValueId value) const { return view_[value].of != ir::kNone; }
    /// The states whose old contents `value` is: a state itself; or all states of a pack, when they
    /// are neighbours in memory in the pack's order, so that the pack is that memory and nothing
    /// has to be copied. None for other values.
    const std::vector<ir::ValueId>& states(ir::ValueId value) const { return states_[value]; }

  private:
    void find_slices();
    void find_parts();
    bool is_pinned(ir::ValueId value) const { return pinned_[value]; }

    const ir::Function& function_;
    std::vector<View> view_;                        ///< by value
    std::vector<std::vector<ir::ValueId>> states_;  ///< by value
    /// By value: whether its place is decided by more than this function, so that it cannot lie
    /// within another value: a state, a pack of states, the new value of a state, or what a body
    /// captures.
    std::vector<bool> pinned_;
};

}  // namespace gmc::passes
