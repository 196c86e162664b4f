// Good states of training, which a run goes back to: the last one in memory, after a step that went
// wrong, and those in its checkpoints, after divergence.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/states/state_store.h"
#include "runtime/train/checkpoint.h"

namespace gmc::runtime {

struct OpenedRun;

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

/// States that training goes back to lie at ends of epochs and at a pace in steps, so that equal
/// runs, and runs that were stopped or killed, go back to the same ones: no clock, and no end of
/// training, has a say in it. The newest is the run's checkpoint or, where that was written for
/// another reason since, kWayBackName. Where training diverges again before there is a newer one,
/// an earlier one is taken, of those that the run keeps (`keep: {last: 5}`), and at last the first
/// weights, but only where little is lost by that.
///
/// What later decisions depend on is in the checkpoints: TrainingState::back_to, before, went_back.
class WayBack {
  public:
    explicit WayBack(OpenedRun& run) : run_(run) {}

    /// Where the loop begins, with the state of run.training.
    void find();
    /// A checkpoint of run.training is about to be written: fills in what it says of the way back,
    /// and keeps the one that is there where it stays the newest to go back to. `is_placed`: the
    /// step says that it is due. False after an error.
    [[nodiscard]] bool before_writing(bool is_placed, Diagnostics& diagnostics);
    void has_written() const;

    /// Takes the states, and of `good` where training stood there, for training that has diverged
    /// in `diverged`. Says which they are: "back to the weights of step 12"; "" where none can be
    /// read.
    std::string take(const TrainingState& diverged, TrainingState& good);

  private:
    std::string path_of(int64_t step) const;
    std::optional<int64_t> before(int64_t step) const;
    bool is_early(int64_t step) const;
    void clear() const;
    bool read(int64_t step, TrainingState& good) const;
    bool make_first(TrainingState& good) const;

    OpenedRun& run_;
    int64_t newest_ = 0;             ///< the step of the newest state to go back to
    std::optional<int64_t> before_;  ///< of the one before that, if there is one
};

}  // namespace gmc::runtime
