// Collects the signs of trouble of all kinds (signs.h) that an epoch of training shows.
#pragma once

#include <memory>
#include <vector>

#include "runtime/run/signs.h"

namespace gmc::runtime {

class EpochSigns {
  public:
    /// At the end of an epoch: the signs that were not reported before. Those that need more than
    /// the present state are judged by training.signs, which is told what is new, and by
    /// training.epoch_start. `options` are those that training reads `dataset` with. Errors: those
    /// of the functions and the data.
    Result<std::vector<Sign>> take(LoadedModel& model, const Dataset& dataset,
                                   LoaderOptions options, TrainingState& training,
                                   Diagnostics& diagnostics);

  private:
    std::unique_ptr<Loader> judged_;  ///< data that samples are compared with
};

}  // namespace gmc::runtime
