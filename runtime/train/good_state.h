// The last state of training that is known to be good, in memory: what a step that went wrong goes
// back to.
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/states/state_store.h"
#include "runtime/train/checkpoint.h"

namespace gmc::runtime {

/// The first state with a number that is not finite; "" when there is none.
std::string first_not_finite(const StateStore& states);

/// A copy of all states, and where training stood.
class GoodState {
  public:
    void keep(const StateStore& states, const TrainingState& training);
    bool kept() const { return !bytes_.empty(); }
    const TrainingState& training() const { return training_; }
    /// Puts the states back. kept() must be true.
    void restore(StateStore& states) const;

  private:
    std::vector<std::byte> bytes_;
    TrainingState training_;
};

}  // namespace gmc::runtime
