// The picture of samples that training draws after each epoch.
#pragma once

#include <optional>
#include <string>

#include "runtime/train/loaded_model.h"

namespace gmc::runtime {

/// Writes a picture of `count` samples (by default 64 images or 2000 points) of the function
/// `sample` to `path`. Nothing is drawn for models whose samples are no pictures or points, or are
/// made of data. False after an error.
[[nodiscard]] bool draw_samples(LoadedModel& model, uint64_t seed, std::optional<int64_t> count,
                                const std::string& path, Diagnostics& diagnostics);

}  // namespace gmc::runtime
