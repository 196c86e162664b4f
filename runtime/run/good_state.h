// A copy, in memory, of the last state of training that is known to be good. After a step that went
// wrong the run goes back to it.
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/states/state_store.h"
#include "runtime/train/checkpoint.h"

namespace gmc::runtime {

/// The name of the first state with a number that is not finite; "" when there is none.
std::string first_not_finite(const StateStore& states);

/// A copy of all states and of the training state. Each process of a group keeps its part of what
/// they share.
class GoodState {
  public:
    void keep(const StateStore& states, const TrainingState& training);
    /// The states are those that are kept, but training stands elsewhere.
    void keep(const TrainingState& training) { training_ = training; }
    bool kept() const { return !bytes_.empty(); }
    const TrainingState& training() const { return training_; }
    /// The numbers of a state of `states`, as they were when they were kept.
    const float* data(const StateStore& states, ir::StateId id) const {
        const auto* at = reinterpret_cast<const std::byte*>(states.data(id));
        return reinterpret_cast<const float*>(bytes_.data() + (at - states.bytes_begin()));
    }
    /// Copies the states back. kept() has to be true.
    void restore(StateStore& states) const;

  private:
    std::vector<std::byte> bytes_;
    TrainingState training_;
};

}  // namespace gmc::runtime
