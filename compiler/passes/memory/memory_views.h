// Which values of a function share memory because one is a part of the other: what plan_memory
// plans with, and what order_operations and order_states reckon with. keep_copies finds by it which
// parameters are updated as parts of one value.
#pragma once

#include <vector>

#include "compiler/ir/module.h"

namespace gmc::passes {

/// Bytes that a value takes in an arena.
inline int64_t aligned_bytes(const ir::Type& type) {
    return (type.bytes() + ir::kTensorAlignment - 1) / ir::kTensorAlignment * ir::kTensorAlignment;
}

/// Where a value is within the memory of another one.
struct View {
    ir::ValueId of = ir::kNone;
    int64_t bytes = 0;  ///< from the start of `of`
};

class MemoryViews {
  public:
    explicit MemoryViews(const ir::Function& function);

    /// The value whose memory `value` lies in, and where: of a value that is no part of another,
    /// itself.
    View root(ir::ValueId value) const;
    bool is_view(ir::ValueId value) const { return view_[value].of != ir::kNone; }
    /// The states that `value` is, as they were at entry: itself, or all that a pack of neighbours
    /// takes. None for other values.
    const std::vector<ir::ValueId>& states(ir::ValueId value) const { return states_[value]; }

  private:
    void find_slices();
    void find_parts();
    bool is_state(ir::ValueId value) const { return state_[value]; }

    const ir::Function& function_;
    std::vector<View> view_;                        ///< by value
    std::vector<std::vector<ir::ValueId>> states_;  ///< by value
    std::vector<bool> state_;  ///< by value: states, or what a state becomes as a whole
};

}  // namespace gmc::passes
