// Ways from one sample to another through the space of noise.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "runtime/train/generate.h"

namespace gmc::runtime {

/// Spherical interpolation (Shoemake 1985; for latent spaces White 2016): the point at share `t` of
/// the arc from `a` to `b`, in lengths between theirs, so that it is as far from the origin as
/// normal noise is. Straight where a and b point in the same or opposite directions.
void slerp(std::span<const float> a, std::span<const float> b, double t, std::span<float> out);

struct InterpolateOptions {
    std::string function = "sample";
    int64_t rows = 8;      ///< pairs of noise vectors
    int64_t columns = 10;  ///< samples from one end to the other, both included; at least 2
    uint64_t seed = 1;
    std::optional<int64_t> label;  ///< the class of all; else that of row r is r mod classes
};

/// rows x columns results of the function: row r goes from the noise of example 2r to that of 2r +
/// 1 (those of `generate`). Normal noise goes along the arc, uniform noise straight. Errors: those
/// of Sampler::make; kWrongType when the function takes no noise.
Result<Examples> interpolate(LoadedModel& model, const InterpolateOptions& options,
                             Diagnostics& diagnostics);

}  // namespace gmc::runtime
