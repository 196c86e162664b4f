// Optimizer slots that the processes of a group share (compiler/batch/share_slots.h): each has a
// part of them among its states. Here process 0 gets and sets them as a whole, for checkpoints, and
// has all processes keep them, go back to them and look at them.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "compiler/batch/share_slots.h"
#include "runtime/processes/orders.h"
#include "runtime/states/state_store.h"

namespace gmc::runtime {

/// Until begin(), a process has its own part alone, and takes those of others for zeros, as which
/// all begin. What is said of process 0 makes the others do their share: they obey.
class SlotParts {
  public:
    /// `states` gets to know of it; group and states must outlive it.
    SlotParts(SharedSlots slots, StateStore& states, ProcessGroup& group);

    /// The saved states of the whole model.
    const std::vector<ir::State>& states() const { return slots_.states; }
    /// Where this process has one of them as a whole, in `states` of the constructor; else kNone.
    ir::StateId own(size_t state) const { return own_[state]; }
    const SharedSlots& shared() const { return slots_; }

    /// In process 0: the others wait for orders from now on.
    void begin() { begun_ = true; }
    /// In process 0: the numbers of a shared state, until the next call.
    const float* gather(size_t state);
    /// In process 0: sets a shared state.
    void set(size_t state, const float* numbers);
    /// In process 0: sets all parts to zeros.
    void clear();
    /// In process 0: all remember their parts, or go back to what they remember.
    void keep();
    void restore();
    /// In process 0: the shared states with numbers that are not finite.
    std::set<size_t> find_not_finite();

    /// In the others: an order of the kind kSlots.
    void obey(const Order& order);

  private:
    enum class Action : int64_t { kGather, kSet, kClear, kKeep, kRestore, kFind };
    /// Some numbers of a state in the part of a process.
    struct Piece {
        int64_t in_state, in_part, count;
    };
    std::vector<Piece> pieces(size_t state, int64_t rank) const;
    const SharedSlots::Group& group_of(size_t state) const { return slots_.groups[in_[state]]; }
    float* part(size_t state) { return states_.data(group_of(state).part); }
    int64_t numbers(size_t state) const { return states()[state].type.elements(); }
    std::string packed(size_t state);
    void take(size_t state, const float* numbers);
    void keep_own();
    void restore_own();
    void clear_own();
    std::string own_not_finite();
    void order(Action action, size_t state = 0);

    SharedSlots slots_;
    StateStore& states_;
    ProcessGroup& group_;
    std::vector<ir::StateId> own_;
    std::vector<int> in_;  ///< by state: its group; kNone where it is whole
    bool begun_ = false;
    std::vector<std::byte> kept_;
    std::vector<float> whole_;  ///< a state
};

}  // namespace gmc::runtime
