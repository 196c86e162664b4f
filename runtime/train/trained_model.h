// A compiled model with the weights of a run.
#pragma once

#include <memory>
#include <string>

#include "runtime/train/checkpoint.h"
#include "runtime/train/loaded_model.h"

namespace gmc::runtime {

struct TrainedModel {
    std::unique_ptr<LoadedModel> model;
    TrainingState training;
    std::string folder;      ///< of the run
    std::string checkpoint;  ///< the file that the states are of
};

/// The .gmc that `path` names: `path` itself or, where that is the folder of a run, its model.gmc.
std::string model_path(const std::string& path);

/// What a checkpoint's weights are where they are of an earlier step than it
/// (TrainingState::weights_step()): "the weights of step 80, which training went back to".
std::string name_of_earlier_weights(int64_t step);

/// The file of a checkpoint of the run in `folder` that is called `name`: `last`, `best`, `step-N`
/// (of `checkpoints/`), or a path from that folder, or else a path from the working folder or an
/// absolute one; the ending .safetensors may be left out. Where there is none, a path in the run's
/// folder.
std::string checkpoint_file(const std::string& folder, const std::string& name);

/// Puts the states of checkpoint_file(`folder`, `checkpoint`) into the model, which must be theirs,
/// and fixes them. Errors: those of read_checkpoint. Warns of a run that was not trained yet
/// (kNotTrained); loaders warn where its training data have changed since.
Result<TrainedModel> with_weights(std::unique_ptr<LoadedModel> model, const std::string& folder,
                                  const std::string& checkpoint, Diagnostics& diagnostics);

}  // namespace gmc::runtime
