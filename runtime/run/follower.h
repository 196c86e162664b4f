// A process of a run that another one leads: it computes its share of each training step.
#pragma once

#include <map>
#include <string>

#include "runtime/train/loaded_model.h"

namespace gmc::runtime {

/// What the bits of training depend on, beside model and data.
struct TrainingSetup {
    uint64_t seed = 1;
    bool tuned = false;     ///< `contractions` says which kernels there are; else static rules
    bool bf16 = true;       ///< what was compiled for bf16 is computed in bf16
    bool all_data = false;  ///< also those that the model keeps for validation
    std::map<std::string, std::string> contractions;
    int64_t local_steps = 0;  ///< LocalSteps::every
    int64_t block = 0;        ///< LoaderOptions::block
};

/// In process 0, once its functions are bound: tells the others how training is computed. Nothing
/// where the model is not shared.
void lead(const LoadedModel& model, const TrainingSetup& setup);
/// In all processes of a model, once its data are there or are not: whether they are the same in
/// all. `data` is their fingerprint(). Process 0 reports what is wrong (kBadValue).
bool have_same_data(const LoadedModel& model, const std::string& data, Diagnostics& diagnostics);

/// In the other processes: computes what process 0 asks for, until it says that the run has ended.
/// Gives its exit code. Nothing is written.
int follow(LoadedModel& model, Diagnostics& diagnostics);

}  // namespace gmc::runtime
