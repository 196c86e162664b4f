// Validation: splits off data that are not trained on, and watches the figures that they give after
// each epoch.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/output/metrics_log.h"
#include "runtime/train/checkpoint.h"
#include "runtime/train/generate.h"
#include "runtime/train/loaded_model.h"

namespace gmc::runtime {

/// `dataset` in two parts: about a `share` of the examples, and the others; each part is in the
/// original order. On which side an example is, `seed` and its name decide (Field::name_of, of the
/// first field): it stays there when others are added. Only where one part would have none, the
/// example that is nearest to it changes sides. The parts read through to the fields of `dataset`.
/// Errors: the share is less than half an example, or all but that (kBadValue).
struct DatasetParts {
    Dataset training, validation;
};
Result<DatasetParts> split_dataset(const Dataset& dataset, double share, uint64_t seed,
                                   Diagnostics& diagnostics);

/// A loader of the examples that a run of this seed validates with, as the model says: of the test
/// data, or of the share of the training data that is kept out of training. Errors: the model has
/// no `validate` (kMissingKey); those of split_dataset and of loaders.
Result<std::unique_ptr<Loader>> validation_loader(LoadedModel& model, uint64_t seed,
                                                  const LoaderOptions& options,
                                                  Diagnostics& diagnostics);

/// Takes in the value of an epoch. True when it is the best so far; a value that is not finite
/// never is.
bool watch(Watched& watched, double value, bool highest);

/// Takes in the figures of the validation data after an epoch, into `row` and those that `policy`
/// watches. A figure that is not finite is told, and does not end training: it may be due to the
/// data. True when the checkpoint of this epoch is the best so far.
bool take_in(const std::vector<std::pair<std::string, double>>& figures,
             const ir::RunPolicy& policy, TrainingState& ended, MetricsRow& row);

}  // namespace gmc::runtime
