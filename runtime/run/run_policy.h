// How a run looks after itself. What is at its default is off.
#pragma once

#include <cstdint>
#include <string>

namespace gmc::runtime {

struct RunPolicy {
    int64_t keep_last = 1;         ///< so many checkpoints
    std::string keep_best;         ///< and that of the best value of this figure of validation
    bool best_is_highest = false;  ///< of keep_best; else the lowest is
    int64_t checkpoint_steps = 0;  ///< a checkpoint after so many steps; 0: after epochs only
    double checkpoint_seconds = 0;
    std::string on_divergence = "stop";  ///< "stop", "rollback", "lower_rate"
    int64_t retries = 3;                 ///< rollbacks before the run ends
    bool validate_test = false;          ///< figures of the test data after each epoch
    double validate_share = 0;           ///< or of this share of the training data, kept out of it
    std::string stopping_metric;         ///< "": training goes on to its last epoch
    bool stopping_is_highest = false;
    int64_t patience = 0;  ///< epochs without a better value of stopping_metric
};

}  // namespace gmc::runtime
