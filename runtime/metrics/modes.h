// Counts how many modes of a mixture of Gaussians the samples cover, and how many samples are near
// a mode. Few modes show that a GAN has collapsed (Metz et al. 2017, Unrolled GANs; Srivastava et
// al. 2017, VEEGAN).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/data/synthetic.h"

namespace gmc::runtime {

struct ModeCoverage {
    int64_t modes = 0;
    /// Modes that have at least a tenth of their fair share (samples / modes) of the samples within
    /// 3 sigma.
    int64_t modes_covered = 0;
    /// The share of samples within 3 sigma of a mode. A perfect model has 1 - exp(-4.5) = 0.989.
    double share_within_3_sigma = 0;
    /// Per mode: samples within 3 sigma of its centre.
    std::vector<int64_t> samples_near;
};

/// `points` are x, y, x, y, ...; at least one point. A point that is not finite is near no mode.
ModeCoverage mode_coverage(std::span<const float> points, const SyntheticModes& modes);

}  // namespace gmc::runtime
