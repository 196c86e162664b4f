// Training steps on the model's own data, timed operation by operation.
#pragma once

#include <string_view>
#include <vector>

#include "runtime/profile/work.h"
#include "runtime/train/loaded_model.h"

namespace gmc::runtime {

/// One operation of a training function; those that do nothing (reshapes) are left out.
struct OperationProfile {
    const ir::Function* function = nullptr;
    size_t index = 0;  ///< in function->operations
    std::string_view kernel;
    Work work;
    int64_t runs_per_round = 1;
    double run_ns = 0;  ///< the median over rounds of what a run takes

    const ir::Operation& operation() const { return function->operations[index]; }
    double round_ns() const { return run_ns * static_cast<double>(runs_per_round); }
};

struct StepProfile {
    std::vector<OperationProfile> operations;  ///< in the order of the round
    double round_ns = 0;                       ///< the median of whole rounds
    double wait_ns = 0;  ///< of it waiting for data and copying it in, the median
    TimeLog log;         ///< everything that was timed, in order
    std::vector<TimeSpan> rounds;
    std::vector<TimeSpan> batches;  ///< made by the thread that prepares data

    double operations_ns() const;
};

/// Runs `rounds` rounds of training steps after three to warm up. The states end up trained by
/// them. Errors: those of binding and of the data.
Result<StepProfile> profile_step(LoadedModel& model, int64_t rounds, Diagnostics& diagnostics);

}  // namespace gmc::runtime
