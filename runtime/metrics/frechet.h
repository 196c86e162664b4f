// The Frechet distance between Gaussians fitted to two sets of features, which tells how far the
// distribution of samples is from that of data (Heusel et al. 2017, "GANs Trained by a Two
// Time-Scale Update Rule"). In that paper features come from an Inception network; here they come
// from a classifier of the user's own.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace gmc::runtime {

/// The Gaussian fitted to rows of features, in double.
struct GaussianFit {
    /// Number of rows that it was fitted to.
    int64_t count = 0;
    std::vector<double> mean;  ///< [F]
    /// [F, F], divided by count - 1 as in NumPy's cov.
    std::vector<double> covariance;
    int64_t size() const { return static_cast<int64_t>(mean.size()); }
};

/// Fits a Gaussian to `rows` of `size` features each, row-major. Needs at least two rows.
GaussianFit fit_gaussian(std::span<const float> rows, int64_t size);

/// |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)), which is never negative, and 0 for equal Gaussians.
/// The trace of the root is computed as that of the symmetric (C1^(1/2) C2 C1^(1/2))^(1/2), so
/// covariances may be singular: features that are always 0 have variance 0, and few rows span few
/// directions.
double frechet_distance(const GaussianFit& a, const GaussianFit& b);

}  // namespace gmc::runtime
