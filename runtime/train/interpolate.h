// Interpolates between samples: computes samples of noise between two noise vectors.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "runtime/data/input_setting.h"
#include "runtime/train/generate.h"

namespace gmc::runtime {

/// Spherical interpolation (Shoemake 1985; for latent spaces White 2016): the point at share `t` of
/// the arc from `a` to `b`, with a length between theirs, so that it is about as far from the
/// origin as normal noise is. The straight line when a and b have the same or opposite directions.
void slerp(std::span<const float> a, std::span<const float> b, double t, std::span<float> out);

struct InterpolateOptions {
    std::string function = "sample";
    /// Pairs of noise vectors.
    int64_t rows = 8;
    /// Samples from one end to the other, both included; at least 2.
    int64_t columns = 10;
    uint64_t seed = 1;
    /// The class of all samples; without it, row r has class r mod classes.
    std::optional<int64_t> label;
    /// The values of other data fields; where a setting has several steps, row r has step r.
    std::vector<InputSetting> settings = {};
};

/// rows x columns results of the function. Row r goes from the noise of example 2r to that of 2r +
/// 1, as in `generate`. Normal noise follows the arc, uniform noise the straight line. Errors:
/// those of Sampler::make, and kWrongType when the function takes no noise.
Result<Examples> interpolate(LoadedModel& model, const InterpolateOptions& options,
                             Diagnostics& diagnostics);

}  // namespace gmc::runtime
