// What is done with trained states: evaluation, sampling, reconstruction.
#pragma once

#include <string>
#include <vector>

#include "runtime/output/image_grid.h"
#include "runtime/train/loaded_model.h"

namespace gmc::runtime {

/// A tensor of examples in host memory, row-major.
struct Examples {
    ir::Shape shape;  ///< [N, ...]
    std::vector<float> values;
    int64_t count() const { return shape.empty() ? 0 : shape[0]; }
};

struct EvaluationResult {
    int64_t examples = 0;
    std::vector<std::pair<std::string, double>>
        values;  ///< every loss and metric by name, means over all examples
};

/// Runs `evaluate` over all examples of the split once. Averages are exact: the padding of the last
/// batch counts for nothing. `seed` feeds random ops.
Result<EvaluationResult> evaluate(LoadedModel& model, DataSplit split, uint64_t seed,
                                  Diagnostics& diagnostics);

/// The first result of function `name` for noise of the examples first, first + 1, ...; `count`
/// rows.
Result<Examples> generate(LoadedModel& model, const std::string& name, int64_t count, uint64_t seed,
                          Diagnostics& diagnostics);

/// Originals, and the first result of `name` applied to them: the first `count` examples of the
/// split.
struct Reconstruction {
    Examples originals, reconstructions;
};
Result<Reconstruction> reconstruct(LoadedModel& model, const std::string& name, DataSplit split,
                                   int64_t count, uint64_t seed, Diagnostics& diagnostics);

/// The first data field with the shape of an image, [H, W, 1 or 3]; "" when there is none.
std::string image_field(const LoadedModel& model);
/// A view of examples as images; false when their shape is not [N, H, W, 1 or 3].
bool as_images(const Examples& examples, ImageBatch& images);

}  // namespace gmc::runtime
