// What figures and weights say of a run's health, after each epoch: signs with a plain name, a
// sentence, and the number that shows them.
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

/// Which signs are news. One epoch may show what the next does not, and what is known need not be
/// told again.
class SignNews {
  public:
    /// Of the signs of an epoch those that the epoch before showed, too, and that were not given
    /// before. A sign that one epoch did not show is news again.
    std::vector<Sign> take(const std::vector<Sign>& shown);

  private:
    std::map<std::pair<std::string, std::string>, int> epochs_;  ///< in a row, by name and subject
};

/// Losses and metrics, step by step.
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
    /// Of figures without any, 0.5.
    double mean(const std::string& name) const;
    void judge_discriminator(std::vector<Sign>& signs) const;

    std::map<std::string, Figure> figures_;
    double first_loss_ = 0;  ///< the discriminator's first
};

/// What training has moved. Gradients are not looked at: a step uses each where it is made, in the
/// loop that updates its weight, and to keep them would cost a pass over memory. Nor do they say
/// more: Adam, RMSprop and others divide them by their size, so a layer of tiny gradients learns as
/// fast as any. What no optimizer can move has none.
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

/// `posterior_collapse`: of a model whose function `encode` gives a mean and a log-variance, hardly
/// a unit is active. `mode_collapse`: samples are far more like each other than the data are.
/// `data` must evaluate (LoaderMode::kEvaluate). Errors: those of the functions and the loader.
Result<std::vector<Sign>> sample_signs(LoadedModel& model, Loader& data, uint64_t seed,
                                       Diagnostics& diagnostics);

}  // namespace gmc::runtime
