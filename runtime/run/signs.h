// What figures and weights say of a run's health, after each epoch: signs with a plain name, a
// sentence, and the number that shows them.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "runtime/states/state_store.h"
#include "runtime/train/generate.h"
#include "runtime/train/step_runner.h"

namespace gmc::runtime {

struct Sign {
    std::string name;  ///< "mode_collapse"
    double number = 0;
    std::string text;  ///< one sentence that has the number
};

/// Losses and metrics, step by step.
class FigureSigns {
  public:
    void add(const std::vector<StepRunner::Named>& values);
    /// Of the steps since the last call: `discriminator_wins` (a discriminator that is certain),
    /// `oscillation` (a loss that goes up and down with every step).
    std::vector<Sign> take();

  private:
    struct Figure {
        double sum = 0;
        int64_t count = 0;
        std::deque<double> last;
    };
    std::map<std::string, Figure> figures_;
};

/// What training has moved.
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
