// Signs of trouble that the figures, weights and samples of a run show after an epoch. Each has a
// plain name, a sentence, and the number that shows it.
#pragma once

#include <cmath>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "runtime/metrics/told_signs.h"
#include "runtime/output/metrics_log.h"
#include "runtime/run/good_state.h"
#include "runtime/states/state_store.h"
#include "runtime/train/generate.h"
#include "runtime/train/step_runner.h"

namespace gmc::runtime {

/// The line of metrics.jsonl that tells it.
MetricsRow row_of(const Sign& sign, int64_t step, int64_t epoch);

/// Counts the losses and metrics of a step.
void count_figures(const std::vector<StepRunner::Named>& values, SignCounters& counters);
/// Why a loss may change although weights and data are no others.
struct ChangingLosses {
    std::set<std::string> alternating;  ///< other terms in every second step (`every(term, 2)`)
    std::set<std::string> scheduled;    ///< `step` or `epoch` have part in them
    bool of_few =
        false;  ///< batches have fewer than 8 examples, so that the first may be unlike all
};
ChangingLosses changing_losses(const ir::Module& module);

/// Of the steps that were counted since the last call: `discriminator_wins` (it is certain, or its
/// loss is all but zero; a Wasserstein critic, whose loss has no bottom, cannot win),
/// `exploding_loss` (a loss far above that of the run's first step, unless it is scheduled, or
/// above those of the first epoch), `oscillation` (a loss that goes up and down with every step,
/// unless it is alternating). Of signs that were told, here and below, also what is not shown.
std::vector<Sign> figure_signs(SignCounters& counters, const ChangingLosses& changing = {});
/// Whether a loss of the last step is so far above the run's first ones that its state is none to
/// go back to.
bool has_exploded(const SignCounters& counters, const ChangingLosses& changing);

/// Judges how far training has moved the weights from those `before`, when the epoch began. It does
/// not look at gradients: a step uses each gradient where it is made, in the loop that updates its
/// weight, and keeping them would cost a pass over memory. Nor would they say more: Adam, RMSprop
/// and others divide gradients by their size, so a layer with tiny gradients learns as fast as any.
/// A layer that no optimizer moves has no gradient. `dead_units` (no weight of theirs has moved; of
/// a whole layer, whose gradients are 0 as those of all layers below it, that the bias of the next
/// one has moved and its weight has not), `dead_codes` (vectors of a codebook that were never the
/// nearest), `vanishing_gradient` (layers that stand still while others of their network move, or a
/// network of which nothing moves). What stands still for another reason shows nothing: parameters
/// that nothing updates or whose rate is 0 (states/parameter_updates.h), numbers at the limit of
/// `clip_weights`. Of a network whose rate a schedule may have made 0, only the optimizer's means
/// of gradients tell, or others that have moved at the same rate. A network whose loss is one of
/// those `at_zero`, as the hinges of a discriminator that wins, has nothing to learn.
std::vector<Sign> weight_signs(const StateStore& states, const KeptWeights& before,
                               const std::set<std::string>& at_zero = {},
                               const ToldSigns& told = {});

/// The weights that an epoch is compared with: those `before` it but, where numbers are `now` what
/// they were and one step more has moved them to `next`, those of that step. Such numbers go up and
/// down, and are none that no gradient reaches. Null where there are none, or no `before`.
std::shared_ptr<const KeptWeights> with_moves(const std::shared_ptr<const KeptWeights>& before,
                                              const GoodState& now, const StateStore& next);

/// Units of a latent that tell the examples of a batch apart: variance over the batch above 0.01
/// (Burda et al. 2015). `rows` x `width` means.
int64_t active_units(const float* means, int64_t rows, int64_t width);
/// Mean squared distance of two different rows.
double diversity(const float* numbers, int64_t rows, int64_t width);

/// `posterior_collapse`: in a model whose function `encode` gives a mean and a log-variance, hardly
/// any unit is active. `mode_collapse`: samples are far more like each other than the data are; it
/// waits longer where `was_diverse`, which is set here, has never been true. `data` must evaluate
/// (LoaderMode::kEvaluate). Errors: those of the functions and the loader.
Result<std::vector<Sign>> sample_signs(LoadedModel& model, Loader& data, uint64_t seed,
                                       bool& was_diverse, Diagnostics& diagnostics,
                                       const ToldSigns& told = {});

/// Collects the signs of all kinds that an epoch of training shows.
class EpochSigns {
  public:
    /// At the end of an epoch: the signs that were not reported before. Those that need more than
    /// the present state are judged by training.signs, which is told what is new, and by
    /// training.epoch_start. What comes of a loss that has exploded is no news beside it, and makes
    /// that last. `trained_on` is the loader of training. Errors: those of the
    /// functions and the data.
    Result<std::vector<Sign>> take(LoadedModel& model, const Loader& trained_on,
                                   TrainingState& training, Diagnostics& diagnostics);

  private:
    std::unique_ptr<Loader> judged_;  ///< data that samples are compared with
};

}  // namespace gmc::runtime
