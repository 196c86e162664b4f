// Collects the signs of trouble of all kinds (signs.h) that an epoch of training shows.
#pragma once

#include <memory>
#include <vector>

#include "runtime/run/signs.h"

namespace gmc::runtime {

class EpochSigns {
  public:
    /// Training begins, or goes on, with these states.
    void begin(const StateStore& states) { weights_.begin(states); }
    /// After each step.
    void add(const std::vector<StepRunner::Named>& figures) { figures_.add(figures); }
    /// At the end of an epoch: the signs that were not reported before. `options` are those that
    /// training reads `dataset` with. Errors: those of the functions and the data.
    Result<std::vector<Sign>> take(LoadedModel& model, const Dataset& dataset,
                                   LoaderOptions options, Diagnostics& diagnostics);

  private:
    FigureSigns figures_;
    WeightSigns weights_;
    SignNews news_;
    std::unique_ptr<Loader> judged_;  ///< data that samples are compared with
};

}  // namespace gmc::runtime
