// Signs of trouble that the figures, weights and samples of a run show after an epoch. Each has a
// plain name, a sentence, and the number that shows it.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "runtime/states/state_store.h"
#include "runtime/train/generate.h"
#include "runtime/train/step_runner.h"

namespace gmc::runtime {

/// A sign that training goes wrong although all numbers are finite: a sentence for people, and for
/// programs the number it is about.
struct Sign {
    std::string name;  ///< "mode_collapse"
    double number = 0;
    std::string text;     ///< one sentence that has the number
    std::string subject;  ///< the loss or the state that shows it; "" of the whole model
};

/// Decides which signs are reported: not those of a single epoch, which the next may not show, and
/// none twice in a row.
class SignNews {
  public:
    /// Of the signs of an epoch, returns those that the epoch before showed, too, and that were not
    /// returned since they appeared. A sign that was gone for an epoch counts as a new one.
    std::vector<Sign> take(const std::vector<Sign>& shown);

  private:
    std::map<std::pair<std::string, std::string>, int> epochs_;  ///< in a row, by name and subject
};

/// Judges losses and metrics, which it gets step by step.
class FigureSigns {
  public:
    void add(const std::vector<StepRunner::Named>& values);
    /// Of the steps since the last call: `discriminator_wins` (it is certain, or its loss is all
    /// but zero; a Wasserstein critic, whose loss has no bottom, cannot win), `oscillation` (a loss
    /// that goes up and down with every step).
    std::vector<Sign> take();

  private:
    struct Figure {
        double sum = 0;
        double smallest = 0;
        int64_t count = 0;
        std::deque<double> last;
    };
    /// The mean of a figure; 0.5 for a figure that the model does not have.
    double mean(const std::string& name) const;
    void judge_discriminator(std::vector<Sign>& signs) const;

    std::map<std::string, Figure> figures_;
    double first_loss_ = 0;  ///< the discriminator's first
};

/// Judges how far training has moved the weights. It does not look at gradients: a step uses each
/// gradient where it is made, in the loop that updates its weight, and keeping them would cost a
/// pass over memory. Nor would they say more: Adam, RMSprop and others divide gradients by their
/// size, so a layer with tiny gradients learns as fast as any. A layer that no optimizer moves has
/// no gradient.
class WeightSigns {
  public:
    /// Training begins, or goes on, with these states.
    void begin(const StateStore& states);
    /// Since begin() or the last call: `dead_units` (no weight of theirs has moved),
    /// `dead_codes` (vectors of a codebook that were never the nearest), `vanishing_gradient`
    /// (layers that stand still while others of their network move).
    std::vector<Sign> take(const StateStore& states);

  private:
    std::map<ir::StateId, std::vector<float>> before_;
};

/// Units of a latent that tell the examples of a batch apart: variance over the batch above 0.01
/// (Burda et al. 2015). `rows` x `width` means.
int64_t active_units(const float* means, int64_t rows, int64_t width);
/// Mean squared distance of two different rows.
double diversity(const float* numbers, int64_t rows, int64_t width);

/// `posterior_collapse`: in a model whose function `encode` gives a mean and a log-variance, hardly
/// any unit is active. `mode_collapse`: samples are far more like each other than the data are.
/// `data` must evaluate (LoaderMode::kEvaluate). Errors: those of the functions and the loader.
Result<std::vector<Sign>> sample_signs(LoadedModel& model, Loader& data, uint64_t seed,
                                       Diagnostics& diagnostics);

}  // namespace gmc::runtime
