// Steps that the processes of a group take on their own, and what they do with them once in a
// while: DiLoCo (Douillard et al. 2023). So a slow network is used once in `every` steps, not in
// each.
//
// Between two averages each process trains on its own shards of each batch, with its own optimizer:
// sums over the batch are those of its shards, taken for all (ExecutableOptions::own_shards). Then
// the ways that they have come are averaged, and process 0 moves the weights that all began with by
// an outer step. All begin the next steps with these.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/processes/process_group.h"
#include "runtime/states/state_store.h"
#include "runtime/train/checkpoint.h"

namespace gmc::runtime {

/// How weights move by the way that the processes have come on average.
enum class OuterStep {
    kAverage,   ///< by that way
    kNesterov,  ///< with rate 0.7 and momentum 0.9, as in the paper
};

/// Their names on the command line and in run.json: "average", "nesterov".
const std::vector<std::string>& outer_steps();
inline const std::string& name_of(OuterStep outer) {
    return outer_steps()[static_cast<size_t>(outer)];
}

/// What a run is computed with that takes local steps.
struct LocalSteps {
    int64_t every = 0;  ///< steps between two averages; 0: the sums of each step are over all
    OuterStep outer = OuterStep::kAverage;
};

/// The states that all began with, and the average of what has become of them.
class LocalStates {
  public:
    /// This process has `share` of the shards of a batch: with that weight its way counts.
    /// `states` and `group` must outlive it.
    LocalStates(LocalSteps steps, double share, StateStore& states, ProcessGroup& group)
        : steps_(steps), share_(static_cast<float>(share)), states_(states), group_(group) {}

    int64_t every() const { return steps_.every; }
    /// The weight with which this process counts.
    float share() const { return share_; }
    /// All processes have the same states now.
    void begin();
    /// In process 0: has all do add_up(). Then its states are what all are to begin with:
    /// parameters moved by the outer step, all else (statistics, moving averages, the optimizer's
    /// slots) by the average way. `momentum` is that of the outer step, null before the first and
    /// where it has none.
    void average(std::shared_ptr<const KeptWeights>& momentum);
    /// In the others, after an order of the kind kAverage: their states are lost, until process 0
    /// gives them the next ones.
    void add_up();

  private:
    float* numbers() { return reinterpret_cast<float*>(states_.bytes_begin()); }
    int64_t count() const { return states_.bytes() / static_cast<int64_t>(sizeof(float)); }
    void move_weights(KeptWeights& momentum);

    const LocalSteps steps_;
    const float share_;  ///< exact: the number of shards is a power of two
    StateStore& states_;
    ProcessGroup& group_;
    std::vector<float> common_;
};

/// Why the processes of a group cannot take steps of this module on their own, as a sentence
/// without a full stop: examples of a batch are coupled by more than sums. "" where they can.
std::string why_no_local_steps(const ir::Module& module);

}  // namespace gmc::runtime
