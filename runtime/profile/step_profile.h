// Runs training steps on the model's own data and times them operation by operation.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "runtime/profile/work.h"
#include "runtime/train/loaded_model.h"

namespace gmc::runtime {

/// One operation of a training function, or of the body of a scan in one: then all passes count
/// together. The time of a scan is what its body does not take: sums over the passes, and copies.
/// Operations that do nothing (reshapes) are left out.
struct OperationProfile {
    const ir::Function* function = nullptr;
    /// Index in function->operations.
    size_t index = 0;
    std::string_view kernel;
    Work work;
    int64_t runs_per_round = 1;
    /// The median over rounds.
    double run_ns = 0;

    const ir::Operation& operation() const { return function->operations[index]; }
    double round_ns() const { return run_ns * static_cast<double>(runs_per_round); }
};

struct StepProfile {
    /// In the order in which a round runs them.
    std::vector<OperationProfile> operations;
    /// The median over whole rounds.
    double round_ns = 0;
    /// The part of round_ns that waits for data and copies it in; the median.
    double wait_ns = 0;
    /// Everything that was timed, in order.
    TimeLog log;
    std::vector<TimeSpan> rounds;
    /// Made by the thread that prepares data.
    std::vector<TimeSpan> batches;
    /// Of all rounds: the sums over the processes that share the model.
    SumTime sums;

    double operations_ns() const;
};

/// Runs `rounds` rounds of training steps after three rounds of warming up. This trains the model's
/// states. Errors: those of binding and of the data. `begins` is called when functions and data are
/// there; where it gives false, after an error, nothing is run.
Result<StepProfile> profile_step(LoadedModel& model, int64_t rounds, Diagnostics& diagnostics,
                                 const std::function<bool(const Loader&)>& begins = nullptr);

}  // namespace gmc::runtime
