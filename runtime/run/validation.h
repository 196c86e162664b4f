// Figures of data that are not trained on, after each epoch, and what is watched of them.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "runtime/train/checkpoint.h"
#include "runtime/train/generate.h"
#include "runtime/train/loaded_model.h"

namespace gmc::runtime {

/// `dataset` in two parts: a random `share` of the examples, a function of `seed`, and the others,
/// each in their order. Each part has at least one example (checked). Fields are read through.
struct DatasetParts {
    Dataset training, validation;
};
Result<DatasetParts> split_dataset(const Dataset& dataset, double share, uint64_t seed,
                                   Diagnostics& diagnostics);

/// Takes the value of an epoch in. True when it is the best so far, which one that is not finite
/// never is.
bool watch(Watched& watched, double value, bool highest);

}  // namespace gmc::runtime
