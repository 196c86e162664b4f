// Validation: splits off data that are not trained on, and watches the figures that they give after
// each epoch.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "runtime/train/checkpoint.h"
#include "runtime/train/generate.h"
#include "runtime/train/loaded_model.h"

namespace gmc::runtime {

/// `dataset` in two parts: a random `share` of the examples, which `seed` decides, and the others;
/// each part is in the original order. Each part has at least one example (checked). The parts read
/// through to the fields of `dataset`.
struct DatasetParts {
    Dataset training, validation;
};
Result<DatasetParts> split_dataset(const Dataset& dataset, double share, uint64_t seed,
                                   Diagnostics& diagnostics);

/// Takes in the value of an epoch. True when it is the best so far; a value that is not finite
/// never is.
bool watch(Watched& watched, double value, bool highest);

}  // namespace gmc::runtime
